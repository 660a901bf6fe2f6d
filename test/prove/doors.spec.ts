import { proveDoors } from './prove-doors';

it('hostile text at both doors changes nothing and stops nothing', async () => {
  const { holds, summary, details } = await proveDoors.run('short', () => undefined);

  expect(holds ? '' : `${summary}\n${details}`).toBe('');
}, 120_000);

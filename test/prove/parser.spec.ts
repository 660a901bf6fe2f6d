import { proveParser } from './prove-parser';

it('what is accepted reaches LIO as it is', async () => {
  const { holds, summary, details } = await proveParser.run('short', () => undefined);

  expect(holds ? '' : `${summary}\n${details}`).toBe('');
}, 120_000);

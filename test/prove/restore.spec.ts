import { proveRestore } from './prove-restore';

it('a lost control plane is restored, verified, planned and accepted, and the machines go on', async () => {
  const { holds, summary, details } = await proveRestore.run('short', () => undefined);

  expect(holds ? '' : `${summary}\n${details}`).toBe('');
}, 180_000);

import { proveCanary } from './prove-canary';

it('no secret is found where it does not belong, and one that is put there is', async () => {
  const { holds, details } = await proveCanary.run('short', () => undefined);

  expect(holds ? '' : details).toBe('');
}, 300_000);

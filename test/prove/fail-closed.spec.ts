import { proveFailClosed } from './prove-fail-closed';

it('nothing changes, and nobody is let in or refused, while the record of it cannot be written', async () => {
  const { holds, details } = await proveFailClosed.run('short', () => undefined);

  expect(holds ? '' : details).toBe('');
}, 120_000);

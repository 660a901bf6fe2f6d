import { proveUnits } from './prove-units';

it('services run behind walls', async () => {
  const { holds, summary } = await proveUnits.run('short', () => undefined);

  expect({ holds, summary }).toMatchObject({ holds: true });
}, 120_000);

import { proveAudit } from './prove-audit';

it('whoever changes the audit trail is found out', async () => {
  const { holds, summary } = await proveAudit.run('short', () => undefined);

  expect({ holds, summary }).toMatchObject({ holds: true });
}, 120_000);

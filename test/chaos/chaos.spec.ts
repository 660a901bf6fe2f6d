import { checkHistory } from './check-history';
import { observe, streamEnd } from './observe';
import { shortProfile } from './short-profile';

const { spindle, places } = shortProfile('targetcli', [
  'gateway.request-sent',
  'targets.key-linked',
  'targets.committed',
  'relay.stored',
  'executor.intent-journalled',
  'executor.map-lun',
  'executor.delete-target',
  'audit.committed',
]);

it('sees what is done behind everybody’s back: this suite can fail', async () => {
  const since = new Date();
  const run = { since, streamStart: await streamEnd(spindle()), streamWiped: false, mayFailWith: [], operations: [] };
  const { machine, image } = places()[0]!;
  const headers = { Prefer: 'wait=20' };
  const { body } = await spindle().http<{ id: string; iqn: string }>(
    'POST',
    'targets',
    { machine_id: machine.id, image_id: image.id },
    { headers },
  );
  await spindle().lab.killExecutor();
  await spindle().lab.exec(
    `export HOME=/run/home TARGETCLI_HOME=/run/admin; mkdir -p $TARGETCLI_HOME; targetcli /iscsi/${body.iqn}/tpg1/acls delete ${machine.initiator_iqn}`,
  );

  const found = checkHistory(await observe(spindle(), run)).map(({ kind }) => kind);

  expect(found).toContain('open');
}, 60_000);

import { startSpindleForTests, type SpindleForTests } from '../harness/spindle-for-tests';
import { checkHistory } from './check-history';
import { FAULTS } from './faults';
import { observe, streamEnd } from './observe';
import { makePlaces, runOnce } from './run';
import type { Place } from './traffic';

/** The short profile: `npm run chaos` has every point and as many seeds as there is time for. */
const POINTS = [
  'gateway.request-sent',
  'targets.key-linked',
  'targets.committed',
  'relay.stored',
  'executor.intent-journalled',
  'executor.map-lun',
  'executor.delete-target',
  'audit.committed',
];

let spindle: SpindleForTests;
let places: Place[];

beforeAll(async () => {
  spindle = await startSpindleForTests('chaos');
  places = await makePlaces(spindle);
}, 120_000);

afterAll(() => spindle?.end(), 30_000);

it.each(POINTS)(
  'a process that dies at %s loses, doubles and leaves nothing',
  async (name) => {
    const result = await runOnce(
      spindle,
      places,
      FAULTS.find((fault) => fault.name === name)!,
      1,
    );

    expect(result).toMatchObject({ violations: [], struck: true });
    expect(result.recoveryMs).toBeLessThan(30_000);
  },
  150_000,
);

it('sees what is done behind everybody’s back: this suite can fail', async () => {
  const since = new Date();
  const run = { since, streamStart: await streamEnd(spindle), streamWiped: false, mayFailWith: [], operations: [] };
  const { machine, image } = places[0]!;
  const headers = { Prefer: 'wait=20' };
  const { body } = await spindle.http<{ id: string; iqn: string }>(
    'POST',
    'targets',
    { machine_id: machine.id, image_id: image.id },
    { headers },
  );
  await spindle.lab.killExecutor();
  await spindle.lab.exec(
    `export HOME=/run/home TARGETCLI_HOME=/run/admin; mkdir -p $TARGETCLI_HOME; targetcli /iscsi/${body.iqn}/tpg1/acls delete ${machine.initiator_iqn}`,
  );

  const found = checkHistory(await observe(spindle, run)).map(({ kind }) => kind);

  expect(found).toContain('open');
}, 60_000);

import type { Drift, LiveTarget, TargetResponse } from '#contracts';
import { DRIFT_KINDS, SECRET, type DriftKind, type ToDrift } from '../harness/drift-kinds';
import { editByHand, type Edit } from '../harness/edit-by-hand';
import { eventually, startSpindleForTests, type SpindleForTests } from '../harness/spindle-for-tests';

const WITHIN_MS = 60_000;
const IMAGE_BYTES = 4 * 1024 * 1024;
const THEIRS = 'theirs';
/** Named as ours are, and not ours. */
const THEIR_DISK = 'spindle-018f3a5e-0000-7000-8000-000000000001';

/** Made at a time, so that none waits for its turn too long. */
const AT_ONCE = 8;
const PREFER = { headers: { prefer: 'wait=25' } };

interface Told {
  type: string;
  target: string;
  at: number;
  drift: string[];
}

let spindle: SpindleForTests;
const edits: (Edit & { id: string })[] = [];
const told: Told[] = [];
let foreign: string;
let own: string;

const sh = async (script: string): Promise<string> => {
  const { code, stdout, stderr } = await spindle.lab.exec(script, { timeoutMs: 60_000 });
  if (code !== 0) throw new Error(`${script}\n${stdout}${stderr}`);
  return stdout;
};

/** Names, links and contents of all that can be read in folders of configfs. */
const dump = (folders: string, without = '') =>
  sh(`cd /sys/kernel/config/target && find ${folders} ${without} -printf '%y %p %l\\n' | sort &&
  find ${folders} ${without} -type f -print0 | sort -z | xargs -0 grep -as '' /dev/null || true`);

/** What they hold, whoever looks, down to the counters. */
const foreignTree = () => dump(`iscsi/*:${THEIRS} core/*/${THEIRS}* core/*/${THEIR_DISK}`);

/** Ours, without what counts, what is drawn by lot, and what only tells that something was otherwise before. */
const ownTree = async () =>
  (
    await dump(
      'iscsi/*:0* core/fileio_*/spindle-0*',
      `-name '*statistics' -prune -o -path '*${THEIR_DISK}*' -prune -o -name by-hand -prune -o`,
    )
  )
    .replace(/\/fileio_\d+\//g, '/fileio_N/')
    .replace(/FILEIO ID: \d+/g, 'FILEIO ID: N')
    .replace(/^l (.*)\/\S+ /gm, 'l $1/link ')
    .replace(/:NULL$/gm, ':')
    .replace(/^.*(alua_access_status|Access Status|iscsi_sess_stats).*\n/gm, '')
    .split('\n')
    .sort()
    .join('\n');

const serials = () =>
  sh(`grep -r '' /sys/kernel/config/target/core/fileio_*/spindle-0*/wwn/vpd_unit_serial | grep -v ${THEIR_DISK} | cut -d: -f3 | sort`);

const makeForeign = () =>
  sh(`export HOME=/run/home TARGETCLI_HOME=/run/admin; mkdir -p $TARGETCLI_HOME; truncate -s 4M /data/images/${THEIRS}.img /data/images/${THEIRS}-2.img
targetcli <<'END'
set global auto_save_on_exit=false auto_add_default_portal=false
/backstores/fileio create ${THEIRS} /data/images/${THEIRS}.img
/backstores/fileio create ${THEIR_DISK} /data/images/${THEIRS}-2.img
/backstores/ramdisk create ${THEIRS}-ram 4M
/iscsi create iqn.2003-01.org.example:${THEIRS}
/iscsi/iqn.2003-01.org.example:${THEIRS}/tpg1/luns create /backstores/ramdisk/${THEIRS}-ram
/iscsi/iqn.2003-01.org.example:${THEIRS}/tpg1/acls create iqn.2003-01.org.example:machine
/iscsi/iqn.2003-01.org.example:${THEIRS}/tpg1/acls/iqn.2003-01.org.example:machine set auth userid=u password=p
/iscsi/iqn.2003-01.org.example:${THEIRS}/tpg1 set attribute generate_node_acls=1 demo_mode_write_protect=0
/iscsi/iqn.2003-01.org.example:${THEIRS}/tpg1/portals create 10.0.2.15 3261
/iscsi create iqn.2025-01.io.spindle:${THEIRS}
/iscsi/iqn.2025-01.io.spindle:${THEIRS}/tpg1/luns create /backstores/fileio/${THEIR_DISK}
END
test -d /sys/kernel/config/target/iscsi/iqn.2025-01.io.spindle:${THEIRS}/tpgt_1/lun/lun_0`);

const texts = (drift: Drift[]) => drift.map(({ kind, what }) => `${kind} ${what}`).sort();

const listen = async () => {
  for await (const message of spindle.bus.subscribe('target.*')) {
    const { subject, data } = message.json<{ subject: string; data: { drift?: Drift[] } }>();
    told.push({ type: message.subject, target: subject, at: Date.now(), drift: texts(data.drift ?? []) });
    if (JSON.stringify(data).includes(SECRET)) throw new Error('an event holds a secret');
  }
};
const toldOf = (id: string, type: string, since = 0) => told.filter((one) => one.target === id && one.type === type && one.at >= since);

const makeTarget = async (kind: DriftKind, number: number): Promise<Edit & { id: string }> => {
  const image = await spindle.image({ read_only: kind.readOnly, bytes: IMAGE_BYTES });
  const machine_id = (await spindle.machine()).id;
  const { status, code, body } = await spindle.http<TargetResponse>('POST', 'targets', { machine_id, image_id: image.id }, PREFER);
  if (code) throw new Error(`${kind.name}: ${status} ${JSON.stringify(body)}`);
  spindle.makeImage(`spare-${number}.img`, IMAGE_BYTES);
  const target: ToDrift = {
    iqn: body.iqn,
    initiator_iqn: body.initiator_iqn,
    disk: image.id,
    file: `/data/images/${image.file}`,
    size: IMAGE_BYTES,
    spare: `/data/images/spare-${number}.img`,
    theirs: THEIRS,
    number,
  };
  return { id: body.id, kind, target };
};

const startExecutor = async (policy: 'report' | 'repair') => {
  await spindle.lab.stopExecutor();
  await spindle.lab.startExecutor({ DRIFT_POLICY: policy });
};

const driftedOnNode = async (): Promise<number> => {
  const text = await (await fetch(`${spindle.lab.healthUrl.replace(/\/$/, '')}/metrics`)).text();
  return Number(/^spindle_node_drifted_targets(?:\{.*\})? (\d+)$/m.exec(text)?.[1]);
};

const print = (title: string, rows: [string, string, number][]) => {
  const lines = rows.map(([name, what, ms]) => `${name.padEnd(56)} ${(ms / 1_000).toFixed(1).padStart(5)} s  ${what}`);
  process.stderr.write(`${title}\n${lines.join('\n')}\nlongest: ${(Math.max(...rows.map(([, , ms]) => ms)) / 1_000).toFixed(1)} s\n`);
};

beforeAll(async () => {
  spindle = await startSpindleForTests('drift', { DRIFT_POLICY: 'report' });
  void listen();
  await makeForeign();
  const kinds = DRIFT_KINDS.entries();
  const lane = async () => {
    for (const [number, kind] of kinds) edits[number] = await makeTarget(kind, number);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  await eventually(
    () => spindle.http<{ items: unknown[] }>('GET', 'targets?status=ACTIVE&limit=100'),
    ({ body }) => body.items.length === DRIFT_KINDS.length,
    150_000,
  );
  [foreign, own] = [await foreignTree(), await ownTree()];
}, 240_000);

afterAll(() => spindle?.end(), 60_000);

it('30 kinds of changes made by hand, and more, are told on the bus within 60 seconds, with what differs', async () => {
  expect(DRIFT_KINDS.length).toBeGreaterThanOrEqual(30);

  const done = await editByHand(spindle.lab, edits);
  const event = ({ id, kind }: (typeof edits)[number]) =>
    toldOf(id, 'target.drifted').find(({ drift }) => drift.join() === kind.drift.join());
  await eventually(
    async () =>
      edits.filter((edit) => !event(edit)).map(({ id, kind }) => [kind.name, ...toldOf(id, 'target.drifted').map(({ drift }) => drift)]),
    (left) => left.length === 0,
    WITHIN_MS,
  );

  const rows = edits.map((edit, at): [string, string, number] => [
    edit.kind.name,
    edit.kind.drift.join(', '),
    Math.max(0, event(edit)!.at - done[at]!),
  ]);
  print(`${rows.length} of ${edits.length} kinds of drift were told of:`, rows);
  expect(Math.max(...rows.map(([, , ms]) => ms))).toBeLessThan(WITHIN_MS);
}, 150_000);

it('with the policy report nothing is put back, not even by an executor that starts', async () => {
  const drifted = await ownTree();
  expect(drifted).not.toEqual(own);

  await startExecutor('report');
  await eventually(driftedOnNode, (count) => count === edits.length, 30_000);

  expect(await ownTree()).toEqual(drifted);
  expect(told.filter(({ type }) => type === 'target.repaired')).toEqual([]);
}, 60_000);

it('with the policy repair every target is as it was before, its serial too, and told of', async () => {
  const since = Date.now();
  await startExecutor('repair');
  await eventually(
    async () => edits.filter(({ id }) => toldOf(id, 'target.repaired', since).length === 0).map(({ kind }) => kind.name),
    (left) => left.length === 0,
    90_000,
  );

  print(
    'repaired, counted from the start of the executor:',
    edits.map(({ id, kind }) => [kind.name, '', toldOf(id, 'target.repaired', since)[0]!.at - since]),
  );
  const live = await Promise.all(edits.map(({ id }) => spindle.http<{ drift: LiveTarget['drift'] }>('GET', `targets/${id}/status`)));
  expect(live.flatMap(({ body }, at) => body.drift.map((drift) => ({ of: edits[at]!.kind.name, ...drift })))).toEqual([]);
  expect(await ownTree()).toEqual(own);
  expect((await serials()).split('\n').filter(Boolean)).toEqual(edits.map(({ target }) => ` ${target.disk}`).sort());
}, 120_000);

it('what changes while the policy is repair is told of and repaired at once', async () => {
  const again = edits.filter(({ kind }) => !kind.targetcli);
  const since = Date.now();
  await editByHand(spindle.lab, again);

  await eventually(
    async () => again.filter(({ id }) => toldOf(id, 'target.repaired', since).length === 0).map(({ kind }) => kind.name),
    (left) => left.length === 0,
    WITHIN_MS,
  );
  expect(again.map(({ id }) => toldOf(id, 'target.drifted', since)[0]?.drift)).toEqual(again.map(({ kind }) => kind.drift));
  expect(await ownTree()).toEqual(own);
}, 90_000);

it('what others made is byte for byte what it was', async () => {
  expect(foreign).toContain(`iscsi/iqn.2003-01.org.example:${THEIRS}/tpgt_1/acls/iqn.2003-01.org.example:machine/auth/password:p`);
  expect(foreign).toMatch(new RegExp(`^l core|^l iscsi/.*/${THEIRS}-ram$`, 'm'));

  expect(await foreignTree()).toEqual(foreign);
});

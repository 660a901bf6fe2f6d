import type { AuditEntry, NodeResponse, Page, TargetResponse } from '#contracts';
import { holdLogin, qemuIo } from '#embedded';
import { eventually, startSpindleForTests, type SpindleForTests } from '../harness/spindle-for-tests';

let spindle: SpindleForTests;
let held: Awaited<ReturnType<typeof holdLogin>> | undefined;

beforeAll(async () => {
  spindle = await startSpindleForTests('adopt', { REPORT_INTERVAL_MS: '500' });
}, 120_000);

afterEach(() => held?.release());
afterAll(() => spindle?.end(), 30_000);

const prefer = { headers: { prefer: 'wait=20' } };
const adopt = (iqn: string, token = spindle.admin) =>
  spindle.http<TargetResponse & { detail: string }>('POST', 'nodes/lab-1/adopt', { iqn }, { ...prefer, token });
const node = async (): Promise<NodeResponse> => (await spindle.http<Page<NodeResponse>>('GET', 'nodes')).body.items[0]!;

const sh = async (script: string): Promise<string> => {
  const { code, stdout, stderr } = await spindle.lab.exec(script);
  if (code !== 0) throw new Error(`${script}\n${stdout}${stderr}`);
  return stdout.trim();
};
/** Which session it is; numbers of commands count on. */
const session = ({ iqn, initiator_iqn }: TargetResponse) =>
  sh(`grep 'Session ID' /sys/kernel/config/target/iscsi/${iqn}/tpgt_1/acls/${initiator_iqn}/info`);
const serial = ({ image_id }: TargetResponse) => sh(`cat /sys/kernel/config/target/core/fileio_*/spindle-${image_id}/wwn/vpd_unit_serial`);

const create = async (image_id: string): Promise<TargetResponse> =>
  (await spindle.http<TargetResponse>('POST', 'targets', { machine_id: (await spindle.machine()).id, image_id }, prefer)).body;
const remove = (id: string) => spindle.http<TargetResponse>('DELETE', `targets/${id}`, undefined, prefer);

/** What a backup from before it was made does to a target. */
const loseRecord = ({ id }: TargetResponse) => spindle.sql('DELETE FROM targets.targets WHERE id = $1', [id]);

it.each([
  ['that the journal of its node still names', false],
  ['whose node has lost its journal', true],
])(
  'a target without a record %s is listed, and adopted under its machine without that noticing',
  async (_, journalIsLost) => {
    const made = await create((await spindle.image()).id);
    const before = (await spindle.http<TargetResponse>('POST', `targets/${made.id}/restart`, {}, prefer)).body;
    const login = { portal: spindle.lab.portal, iqn: made.iqn, initiator: made.initiator_iqn };
    await qemuIo(login, ['write -P 0x77 0 1M']);
    held = await holdLogin(login);
    const look = async () => [await spindle.kernelTree(), await session(before), await serial(before)];
    const seen = await look();

    await spindle.lab.stopExecutor();
    await loseRecord(made);
    if (journalIsLost) await sh('rm /var/lib/spindle/journal.ndjson');
    await spindle.lab.startExecutor();
    const { foreign } = await eventually(node, ({ adoptable }) => adoptable.includes(made.iqn));
    const unknown = await spindle.http('GET', `targets/${made.id}`);
    const headers = { 'x-request-id': `adopt-${journalIsLost}`, prefer: 'wait=20' };
    const adopted = await spindle.http<TargetResponse>('POST', 'nodes/lab-1/adopt', { iqn: made.iqn }, { headers });

    expect(unknown.code).toBe('TARGET_NOT_FOUND');
    expect(foreign.some(({ name }) => name === made.iqn)).toBe(journalIsLost);
    expect(adopted.status).toBe(200);
    expect(adopted.body).toMatchObject({ id: made.id, iqn: made.iqn, machine_id: made.machine_id, image_id: made.image_id });
    expect(adopted.body).toMatchObject({ status: 'ACTIVE', last_error: null, generation: journalIsLost ? 1 : before.generation + 1 });
    expect(await look()).toEqual(seen);
    await eventually(node, ({ adoptable, foreign: left }) => adoptable.length + left.length === 0);
    const trail = await eventually(
      () => spindle.http<Page<AuditEntry>>('GET', `audit?target_id=${made.id}&correlation_id=${headers['x-request-id']}`),
      ({ body }) => body.items.length >= 2,
    );
    expect(trail.body.items.map(({ action, outcome }) => [action, outcome]).reverse()).toEqual([
      ['nodes.adopt', 'allowed'],
      ['target.created', 'allowed'],
    ]);
    const events = await spindle.sql<{ subject: string }>(
      `SELECT subject FROM targets.outbox WHERE request_id = $1 AND subject LIKE 'target.%' ORDER BY position`,
      [headers['x-request-id']],
    );
    expect(events.map(({ subject }) => subject)).toEqual(['target.requested', 'target.created']);

    await held.release();
    expect(await qemuIo(login, ['read -P 0x77 0 1M'])).toContain('read 1048576/1048576');
    expect((await remove(made.id)).body).toMatchObject({ status: 'INACTIVE' });
    expect(await node()).toMatchObject({ foreign: [] });
  },
  90_000,
);

it('what is not exactly a target of ours is refused, and nothing on the node or in the records changes by it', async () => {
  const [lost, spoiled, known] = [
    await create((await spindle.image()).id),
    await create((await spindle.image()).id),
    await create((await spindle.image()).id),
  ];
  await Promise.all([lost, spoiled].map(loseRecord));
  const theirs = 'iqn.2003-01.org.linux-iscsi.san:disk-1';
  const nearly = `${spindle.endpoints.node_id}-1`;
  await sh(`targetcli <<'END'
set global auto_save_on_exit=false
/iscsi create ${theirs}
/iscsi create iqn.2025-01.io.spindle:${nearly}
/iscsi/${spoiled.iqn}/tpg1/acls create iqn.2025-01.io.spindle:m-stranger
END`);
  // its machine has got another target meanwhile
  await spindle.http('POST', 'targets', { machine_id: lost.machine_id, image_id: (await spindle.image()).id }, prefer);
  const operator = await spindle.tokenOf('operator');
  const [tree, targets] = [await spindle.kernelTree(), await spindle.sql('SELECT * FROM targets.targets ORDER BY id')];

  const refusals = [
    await adopt(theirs),
    await adopt(`iqn.2025-01.io.spindle:${nearly}`),
    await adopt(spoiled.iqn),
    await adopt(lost.iqn),
    await adopt(known.iqn),
    await adopt(`iqn.2025-01.io.spindle:${known.image_id}`),
  ];
  const forbidden = await adopt(lost.iqn, operator);

  expect(refusals.map(({ status, code, body }) => [status, code, body.detail.split('.')[0]])).toEqual([
    [409, 'NOT_ADOPTABLE', 'Its name is not the prefix of this installation with a UUID'],
    [409, 'NOT_ADOPTABLE', 'Its name is not the prefix of this installation with a UUID'],
    [409, 'NOT_ADOPTABLE', 'It has not exactly one ACL'],
    [409, 'NOT_ADOPTABLE', 'The machine of its ACL has another live target'],
    [409, 'NOT_ADOPTABLE', 'Spindle has this target already: it is ACTIVE'],
    [409, 'NOT_ADOPTABLE', 'The node shows no target of this name'],
  ]);
  expect([forbidden.status, forbidden.code]).toEqual([403, 'FORBIDDEN']);
  expect(await spindle.kernelTree()).toBe(tree);
  expect(await spindle.sql('SELECT * FROM targets.targets ORDER BY id')).toEqual(targets);
  const trail = await eventually(
    () => spindle.http<Page<AuditEntry>>('GET', 'audit?action=nodes.adopt&outcome=denied'),
    ({ body }) => body.items.length >= 7,
  );
  expect(trail.body.items.map(({ code }) => code).sort()).toEqual(['FORBIDDEN', ...Array<string>(6).fill('NOT_ADOPTABLE')]);
}, 90_000);

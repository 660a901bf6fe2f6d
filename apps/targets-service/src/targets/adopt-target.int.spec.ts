import { nodeSubject, type ApplyReply, type InspectTargetReply, type TargetWish } from '#contracts';
import { newId } from '#runtime';
import { TargetsServiceForTests, eventually } from '../../../../test/harness/targets-service-for-tests';

const PREFIX = 'iqn.2025-01.io.spindle';
const NODE = 'node-adopts';
const service = new TargetsServiceForTests();

/** What the node shows, by IQN. */
const shown = new Map<string, InspectTargetReply>();
const wishes: TargetWish[] = [];
let outcome: ApplyReply['outcome'];

jest.setTimeout(20_000);
beforeAll(async () => {
  await service.start();
  service.bus.subscribe(nodeSubject(NODE, 'inspect-target'), {
    callback: (_, message) => void message.respond(JSON.stringify(shown.get(message.json<{ iqn: string }>().iqn))),
  });
  service.bus.subscribe(nodeSubject(NODE, 'apply'), {
    callback: (_, message) => {
      const wish = message.json<TargetWish>();
      wishes.push(wish);
      const error = outcome === 'done' ? null : { code: 'KERNEL_REFUSED', step: 'set-tpg-attributes', message: 'x' };
      message.respond(JSON.stringify({ target_id: wish.target_id, generation: wish.generation, outcome, disconnected: 0, error }));
    },
  });
  await service.bus.request(nodeSubject(NODE, 'report'), JSON.stringify(service.report(NODE)));
}, 60_000);
afterAll(() => service.stop());
beforeEach(() => {
  outcome = 'done';
});

const initiatorOf = async (machineId: string): Promise<string> =>
  (await service.sql.query<{ initiator_iqn: string }>('SELECT initiator_iqn FROM targets.machines WHERE id = $1', [machineId])).rows[0]!
    .initiator_iqn;

/** A target on the node as Spindle made it before its record was lost. */
const orphan = async (machineId?: string, generation = 0) => {
  const id = newId();
  const machine_id = machineId ?? (await service.machine()).id;
  const image_id = await service.image(NODE);
  const backstore = `spindle-${image_id}`;
  const iqn = `${PREFIX}:${id}`;
  shown.set(iqn, {
    generation,
    target: {
      asks_for_secrets: false,
      other_tpgs: [],
      portal_is_ours: true,
      luns: [{ lun: 0, backstore, file: `i-${image_id}`, size_bytes: 4096, serial: image_id, made_as_ours: true }],
      acls: [{ initiator_iqn: await initiatorOf(machine_id), luns: [{ lun: 0, tpg_lun: 0, read_only: false }] }],
    },
  });
  return { id, iqn, machine_id, image_id };
};

const adopt = (iqn: string, key?: string) => service.ask('nodes.adopt', { id: NODE, iqn }, { key });
const became = (id: string, expected: string) =>
  eventually(
    async () => (await service.sql.query<{ status: string }>('SELECT status FROM targets.targets WHERE id = $1', [id])).rows[0]?.status,
    (status) => status === expected,
  );
const rows = async (id: string) => (await service.sql.query('SELECT id FROM targets.targets WHERE id = $1', [id])).rowCount;

it('a target without a record gets one, by a wish of a higher generation that says that its names are ours', async () => {
  const { id, iqn, machine_id, image_id } = await orphan(undefined, 7);

  await adopt(iqn, 'adopt-once');
  await became(id, 'ACTIVE');
  const again = await adopt(iqn, 'adopt-once');

  expect(again).toMatchObject({ id, iqn, machine_id, image_id, status: 'ACTIVE', operation: null, generation: 8, node_id: NODE });
  expect(wishes.filter(({ target_id }) => target_id === id)).toMatchObject([
    { generation: 8, state: 'present', iqn, confirmed: true, lun: 0, disk: { disk_id: image_id, read_only: false } },
  ]);
  const events = await eventually(
    async () => (await service.published('target.%')).filter(({ subject }) => subject === id),
    (seen) => seen.length >= 2,
  );
  expect(events.map(({ type, sequence }) => [type, sequence])).toEqual([
    ['io.spindle.target.requested.v1', 1],
    ['io.spindle.target.created.v1', 2],
  ]);
  const trail = await service.sql.query<{ body: { action: string; actor: string } }>(
    `SELECT body FROM targets.outbox WHERE subject LIKE 'audit-intent%' AND body->'resource'->>'id' = $1 ORDER BY position`,
    [id],
  );
  expect(trail.rows.map(({ body }) => [body.action, body.actor])).toEqual([
    ['nodes.adopt', 'admin'],
    ['target.created', 'admin'],
  ]);
});

it('an adoption that the node cannot finish stays PENDING and is tried again: the target is there all the while', async () => {
  const { id, iqn } = await orphan();
  outcome = 'failed';

  const waiting = await adopt(iqn);
  outcome = 'done';

  expect(waiting).toMatchObject({ status: 'PENDING', operation: 'create' });
  await became(id, 'ACTIVE');
});

it('what Spindle knows, and what its machine or image excludes, is refused and leaves no record', async () => {
  const known = await orphan();
  await adopt(known.iqn);
  const deleted = await orphan();
  await adopt(deleted.iqn);
  await service.ask('targets.delete', { id: deleted.id });
  await became(deleted.id, 'INACTIVE');
  const second = await orphan(known.machine_id);
  const foreign = `iqn.2003-01.org.linux-iscsi.san:${newId()}`;
  shown.set(foreign, shown.get(known.iqn)!);
  const gone = `${PREFIX}:${newId()}`;
  shown.set(gone, { generation: 3, target: null });

  const answers = await Promise.all([known.iqn, deleted.iqn, second.iqn, foreign, gone].map((iqn) => adopt(iqn)));

  expect(answers).toMatchObject([
    { code: 'NOT_ADOPTABLE', detail: expect.stringContaining('already'), resource_id: known.id },
    { code: 'TARGET_DELETED', resource_id: deleted.id },
    { code: 'NOT_ADOPTABLE', detail: expect.stringContaining('machine'), resource_id: known.id },
    { code: 'NOT_ADOPTABLE', detail: expect.stringContaining('prefix') },
    { code: 'NOT_ADOPTABLE', detail: expect.stringContaining('no target') },
  ]);
  expect(await rows(second.id)).toBe(0);
});

it('of two who adopt one machine’s targets at once, one gets it', async () => {
  const first = await orphan();
  const second = await orphan(first.machine_id);

  const answers = await Promise.all([first, first, second, second].map(({ iqn }) => adopt(iqn)));

  expect(answers.filter(({ code }) => code === undefined)).toHaveLength(1);
  expect(answers.filter(({ code }) => code === 'NOT_ADOPTABLE')).toHaveLength(3);
});

it('an unknown node, a silent one and a name that is none are told apart', async () => {
  await service.bus.request(nodeSubject('node-mute', 'report'), JSON.stringify(service.report('node-mute')));
  const iqn = `${PREFIX}:${newId()}`;

  const ask = (id: string, name: string) => service.ask('nodes.adopt', { id, iqn: name });

  expect((await ask('no-node', iqn)).code).toBe('NODE_NOT_FOUND');
  expect((await ask('node-mute', iqn)).code).toBe('NODE_OFFLINE');
  expect((await ask(NODE, 'san-1')).code).toBe('INVALID_IQN');
});

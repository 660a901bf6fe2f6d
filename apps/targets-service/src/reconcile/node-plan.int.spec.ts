import { nodeSubject, type Comparison, type NodePlanResponse, type TargetWish } from '#contracts';
import { newId } from '#runtime';
import { TargetsServiceForTests, eventually, type Reply } from '../../../../test/harness/targets-service-for-tests';
import { holdAllNodes } from './hold-nodes';

const PREFIX = 'iqn.2025-01.io.spindle';
const NODE = 'node-plans';
const service = new TargetsServiceForTests();

/** What a node says when it compares; by target. Those not named here are as wished, at the generation of the wish. */
const differing = new Map<string, Partial<Comparison>>();
let shown: string[] = [];
const wishes: TargetWish[] = [];

const compare = (wish: TargetWish): Comparison => ({
  target_id: wish.target_id,
  generation: wish.generation,
  shown: true,
  steps: [],
  drift: [],
  sessions: 0,
  disconnects: 0,
  obstacle: null,
  ...differing.get(wish.target_id),
});

const answerAs = (node: string) => {
  service.bus.subscribe(nodeSubject(node, 'compare'), {
    callback: (_, message) =>
      void message.respond(JSON.stringify({ comparisons: message.json<{ wishes: TargetWish[] }>().wishes.map(compare) })),
  });
  service.bus.subscribe(nodeSubject(node, 'list-targets'), {
    callback: (_, message) => void message.respond(JSON.stringify({ targets: shown.map((iqn) => ({ iqn, sessions: 1 })), next: null })),
  });
  service.bus.subscribe(nodeSubject(node, 'apply'), {
    callback: (_, message) => {
      const wish = message.json<TargetWish>();
      wishes.push(wish);
      const { target_id, generation } = wish;
      message.respond(JSON.stringify({ target_id, generation, outcome: 'done', disconnected: 0, error: null }));
    },
  });
};

jest.setTimeout(30_000);
beforeAll(async () => {
  await service.start({ RECONCILE: 'plan', NODE_SILENCE_MS: '600000', CREATE_REPLY_MS: '1500' });
  answerAs(NODE);
  await report();
}, 60_000);
afterAll(() => service.stop());
beforeEach(async () => {
  differing.clear();
  shown = [];
  wishes.length = 0;
  await service.sql.query('UPDATE targets.storage_nodes SET held_at = NULL');
});

const report = (node = NODE) => service.bus.request(nodeSubject(node, 'report'), JSON.stringify(service.report(node)));
const plan = async (id = NODE) => (await service.ask('nodes.plan', { id })) as Reply & NodePlanResponse;
const accept = (name: string, key?: string) => service.ask('nodes.accept-plan', { id: NODE, plan: name }, { key });
const row = async (id: string) =>
  (
    await service.sql.query<{ generation: number; status: string; operation: string | null }>(
      'SELECT generation, status, operation FROM targets.targets WHERE id = $1',
      [id],
    )
  ).rows[0];
const settled = (id: string) =>
  eventually(
    () => row(id),
    (seen) => seen?.operation === null,
  );

const activeTarget = async () => {
  const machine_id = (await service.machine()).id;
  const { id } = await service.ask('targets.create', { machine_id, image_id: await service.image(NODE) });
  await settled(id);
  return { id, machine_id };
};

/** As a start with RECONCILE=plan does, or a restore. */
const hold = async () => {
  const database = await service.dataSource(service.urls.targets_app);
  await holdAllNodes(database);
  await database.destroy();
  await report();
  wishes.length = 0;
};

/** Everything that targets-service keeps of targets and nodes. */
const records = async () => [
  (await service.sql.query('SELECT * FROM targets.targets ORDER BY id')).rows,
  (await service.sql.query('SELECT id, held_at, cordoned FROM targets.storage_nodes ORDER BY id')).rows,
];

it('a node that reports for the first time while plans are asked for is held', async () => {
  await report('node-new');

  const nodes = (await service.ask('nodes.list', {})).items as unknown as { id: string; held: boolean }[];
  const answer = (await report('node-new')).json<{ accepted: boolean; held: boolean }>();
  const asked = await service.bus.request(nodeSubject('node-new', 'wishes'), JSON.stringify({ after: null, limit: 10 }));

  expect(nodes.find(({ id }) => id === 'node-new')?.held).toBe(true);
  expect(answer).toMatchObject({ accepted: true, held: true });
  expect(asked.headers?.get('Nats-Service-Error')).toBe('NODE_HELD');
});

it('while a node is held no operation, repair or wish is sent to it, and commands are refused without a trace in the records', async () => {
  const { id, machine_id } = await activeTarget();
  const waiting = await activeTarget();
  const other = { machine_id: (await service.machine()).id, image_id: await service.image(NODE) };
  await hold();
  await service.sql.query(
    `UPDATE targets.targets SET status = 'PENDING', operation = 'restart', generation = 3, next_attempt_at = now() WHERE id = $1`,
    [waiting.id],
  );
  const before = await records();

  const drift = [{ kind: 'missing' as const, what: 'acl', expected: 'x', found: null }];
  const drifted = [{ target_id: id, generation: 1, drift }];
  await service.bus.request(nodeSubject(NODE, 'report'), JSON.stringify(service.report(NODE, { drifted })));
  const refusals = [
    await service.ask('targets.create', other),
    await service.ask('targets.delete', { id }),
    await service.ask('targets.restart', { id }),
    await service.ask('targets.rotate-chap', { id }),
  ];
  const asked = await service.bus.request(nodeSubject(NODE, 'wishes'), JSON.stringify({ after: null, limit: 10 }));
  await new Promise((done) => setTimeout(done, 2_500));

  expect(refusals.map(({ code, status }) => [code, Number(status)])).toEqual(Array(4).fill(['NODE_HELD', 503]));
  expect(asked.headers?.get('Nats-Service-Error')).toBe('NODE_HELD');
  expect(wishes).toEqual([]);
  expect(await records()).toEqual(before);
  expect(machine_id).toBeDefined();
  // what waited is done before the next test counts wishes
  await service.sql.query('UPDATE targets.storage_nodes SET held_at = NULL');
  await settled(waiting.id);
});

it('a plan says what would become of each record and of what no record has, and asking for it changes nothing', async () => {
  const [same, behind, gone, changed] = [await activeTarget(), await activeTarget(), await activeTarget(), await activeTarget()];
  differing.set(behind.id, { generation: 5, sessions: 1 });
  differing.set(gone.id, { generation: 2, shown: false, steps: ['create-target'] });
  differing.set(changed.id, { steps: ['delete-acl'], sessions: 1, disconnects: 1 });
  const orphan = `${PREFIX}:${newId()}`;
  shown = [orphan, `${PREFIX}:${same.id}`, 'iqn.2003-01.org.linux-iscsi.san:disk-1'];
  await hold();
  const before = await records();

  const told = await plan();

  const of = (id: string) => told.targets.find(({ target_id }) => target_id === id);
  expect(told).toMatchObject({ node_id: NODE, held: true, omitted: 0, foreign: 1, adoptable: [{ iqn: orphan, sessions: 1 }] });
  expect(told.counts).toMatchObject({ create: 1, change: 1, delete: 0, raise: 2 });
  expect(of(same.id)).toBeUndefined();
  expect(of(behind.id)).toMatchObject({ action: 'leave', generation: 1, raise_to: 6, steps: [] });
  expect(of(gone.id)).toMatchObject({ action: 'create', generation: 1, raise_to: 3, steps: ['create-target'] });
  expect(of(changed.id)).toMatchObject({ action: 'change', raise_to: null, steps: ['delete-acl'], disconnects: 1 });
  expect(wishes).toEqual([]);
  expect(await records()).toEqual(before);
});

it('to accept a plan raises generations in one transaction with its audit intents, and then what it says is done', async () => {
  const [same, behind] = [await activeTarget(), await activeTarget()];
  differing.set(behind.id, { generation: 5 });
  await hold();
  const { plan: name } = await plan();

  const answer = (await accept(name, 'accept-once')) as Reply & NodePlanResponse;
  const again = await accept(name, 'accept-once');
  await settled(behind.id);

  expect(answer).toMatchObject({ held: false, plan: name });
  expect(again).toEqual(answer);
  expect(wishes.map(({ target_id, generation, state }) => [target_id, generation, state])).toEqual([[behind.id, 6, 'present']]);
  expect([await row(behind.id), await row(same.id)]).toMatchObject([
    { generation: 6, status: 'ACTIVE' },
    { generation: 1, status: 'ACTIVE' },
  ]);
  const { rows } = await service.sql.query<{ id: string; actor: string; before: { generation?: number }; after: { generation?: number } }>(
    `SELECT body->'resource'->>'id' AS id, body->>'actor' AS actor, body->'before' AS before, body->'after' AS after
     FROM targets.outbox WHERE subject = 'audit-intent.nodes.accept-plan' AND body->>'outcome' = 'allowed' ORDER BY position`,
  );
  expect(rows.map(({ id, actor, before, after }) => [id, actor, before.generation, after.generation])).toEqual([
    [behind.id, 'admin', 1, 6],
    [NODE, 'admin', undefined, undefined],
  ]);
  expect((await plan()).held).toBe(false);
});

it('a plan is accepted as it was read, once, by an admin, and of a node that is held', async () => {
  const { id } = await activeTarget();
  await hold();
  const read = await plan();
  const operator = { username: `u-${newId()}`, password: 'a-password-of-a-test', role: 'operator' };
  await service.ask('users.create', operator);
  const login = await service.ask('auth.login', { username: operator.username, password: operator.password }, { token: null });

  const forbidden = await service.ask('nodes.accept-plan', { id: NODE, plan: read.plan }, { token: login.access_token });
  differing.set(id, { generation: 9 });
  const changed = await accept(read.plan);
  const unknown = await service.ask('nodes.accept-plan', { id: 'no-such-node', plan: read.plan });
  const good = await accept((await plan()).plan);
  const twice = await accept(read.plan);

  expect([forbidden.code, changed.code, unknown.code, good.code, twice.code]).toEqual([
    'FORBIDDEN',
    'PLAN_CHANGED',
    'NODE_NOT_FOUND',
    undefined,
    'NODE_NOT_HELD',
  ]);
  const { rows } = await service.sql.query<{ code: string }>(
    `SELECT body->>'code' AS code FROM targets.outbox WHERE subject = 'audit-intent.nodes.accept-plan' AND body->>'outcome' = 'denied'
     ORDER BY position`,
  );
  expect(rows.map(({ code }) => code)).toEqual(['FORBIDDEN', 'PLAN_CHANGED', 'NODE_NOT_FOUND', 'NODE_NOT_HELD']);
});

it('right after a start a plan waits for the node, and says that it has not reported', async () => {
  await hold();
  await service.sql.query(`UPDATE targets.storage_nodes SET last_seen_at = held_at - interval '1 hour' WHERE id = $1`, [NODE]);

  const early = (await plan()) as unknown as { detail: string };
  const asked = plan();
  await report();
  const later = await asked;

  expect(early).toMatchObject({ code: 'NODE_OFFLINE' });
  expect(early.detail).toContain('It has not reported since it is held');
  expect(later).toMatchObject({ node_id: NODE, held: true });
});

it('a failed target that was made by a wish since gets a generation with which it can be restarted', async () => {
  const { id } = await activeTarget();
  await service.sql.query(`UPDATE targets.targets SET status = 'ERROR' WHERE id = $1`, [id]);
  differing.set(id, { generation: 4 });
  await hold();

  await accept((await plan()).plan);
  await service.ask('targets.restart', { id });
  await settled(id);

  expect(wishes.map(({ generation, state }) => [generation, state])).toEqual([
    [6, 'absent'],
    [7, 'present'],
  ]);
});

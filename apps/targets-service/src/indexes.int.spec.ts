import type { DataSource, EntityManager } from 'typeorm';
import { ListImages, ListMachines, ListSessions, ListTargets, ListTokens, ListUsers, type RequestContract } from '#contracts';
import { inOneGo } from '#database';
import { newId } from '#runtime';
import { TargetsServiceForTests } from '../../../test/harness/targets-service-for-tests';
import * as tokens from './access/api-token.store';
import * as keys from './access/idempotency.store';
import { listImages, lockingImages } from './inventory/image.store';
import { listMachines, lockingMachines } from './inventory/machine.store';
import { countTargets, readingPlaces } from './inventory/node.store';
import { hasOpenSession, listSessions } from './inventory/session.store';
import { findUserByName, listUsers } from './inventory/user.store';
import { BACKLOG } from './measure-backlog';
import { MARK, PRUNE, UNPUBLISHED } from './outbox/outbox-relay';
import { secretsOf } from './secrets/secret.store';
import * as targets from './targets/target.store';
import type { Target } from './targets/target.entity';

const ROWS = 30_000;
/** Those of a page's count that a table without filters may give without an index: it stops by itself. */
const COUNTS_ALL = /^SELECT count\(\*\)::int AS count FROM \(SELECT 1 /;

/** Most targets were deleted long ago: 5 of 100 are there, of 40 images, on 4 nodes. */
const FILL = `
  INSERT INTO targets.storage_nodes (id, name, status, version, portal_address, portal_port, last_seen_at, report)
    SELECT 'node-' || n, 'n', 'online', 1, '192.0.2.1', 3260, now(), '{}' FROM generate_series(1, 4) n;
  INSERT INTO targets.machines SELECT gen_random_uuid(), 'm' || n, 'mac' || n, 'iqn' || n, now(), now(), NULL FROM generate_series(1, ${ROWS}) n;
  INSERT INTO targets.images SELECT gen_random_uuid(), 'i' || n, 'f' || n, 4096, true, 'node-' || (1 + n % 4), now(), now(), NULL
    FROM generate_series(1, ${ROWS}) n;
  INSERT INTO targets.image_copies SELECT id, node_id FROM targets.images;
  INSERT INTO targets.users SELECT gen_random_uuid(), 'u' || n, 'x', 'viewer', now(), now(), NULL, 0 FROM generate_series(1, ${ROWS}) n;
  INSERT INTO targets.api_tokens (id, user_id, name, role, hash, created_at, revoked_at)
    SELECT gen_random_uuid(), id, 't', 'viewer', sha256('x'), now(), CASE WHEN random() < 0.9 THEN now() END FROM targets.users;
  INSERT INTO targets.boot_sessions SELECT gen_random_uuid(), id, NULL, now(), CASE WHEN random() < 0.95 THEN now() END, NULL FROM targets.machines;
  INSERT INTO targets.targets (id, iqn, status, operation, generation, version, machine_id, image_id, session_id, node_id, initiator_iqn,
      portal_address, portal_port, lun, read_only, disk_id, image_file, size_bytes, created_by, created_at, updated_at, deleted_at,
      operation_by, operation_request_id, next_attempt_at)
    SELECT m.id, 'iqn' || m.n, CASE WHEN m.n % 20 > 0 THEN 'INACTIVE' WHEN m.n % 400 = 0 THEN 'PENDING' ELSE 'ACTIVE' END,
      CASE WHEN m.n % 400 = 0 THEN 'create' END, 1, 1, m.id, i.id, NULL, 'node-' || (1 + m.n % 4), 'x', '192.0.2.1', 3260, 0, true, i.id, 'f', 4096,
      'admin', now(), now(), CASE WHEN m.n % 20 > 0 THEN now() END, 'admin', 'r', CASE WHEN m.n % 400 = 0 THEN now() + interval '1 hour' END
    FROM (SELECT id, row_number() OVER () AS n FROM targets.machines) m
    JOIN (SELECT id, row_number() OVER () AS n FROM targets.images LIMIT 40) i ON i.n = 1 + m.n % 40;
  INSERT INTO targets.chap_secrets SELECT id, 'secret', 1, 'k', 'x', 'x' FROM targets.targets;
  INSERT INTO targets.idempotency_keys (actor, key, fingerprint, held_until, target_id, expires_at)
    SELECT 'admin', 'k' || row_number() OVER (), 'f', now(), id, now() + interval '1 day' FROM targets.targets;
  INSERT INTO targets.outbox (message_id, subject, request_id, body)
    SELECT gen_random_uuid(), 'target.created', 'r', '{}' FROM generate_series(1, ${ROWS}) n;
  DELETE FROM targets.outbox_waiting;
  INSERT INTO targets.outbox (message_id, subject, request_id, body) VALUES (gen_random_uuid(), 'target.created', 'r', '{}');
  ANALYZE;`;

interface Sent {
  text: string;
  values: unknown[];
}

interface Plan {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Index Cond'?: string;
  Plans?: Plan[];
}

const service = new TargetsServiceForTests();
let database: DataSource;
let big: Set<string>;
let target: Target;

jest.setTimeout(30_000);
beforeAll(async () => {
  await service.start();
  await service.sql.query(FILL);
  database = await service.dataSource(service.urls.targets_app);
  await database.query('SET enable_seqscan = on'); // else an index that is read whole would hide what lacks one
  const { rows } = await service.sql.query<{ relname: string }>('SELECT relname FROM pg_class WHERE reltuples >= $1', [ROWS]);
  big = new Set(rows.map(({ relname }) => relname));
  [target] = await database.query<[Target]>(`SELECT * FROM targets.targets WHERE status = 'ACTIVE' LIMIT 1`);
}, 120_000);
afterAll(async () => {
  await database?.destroy();
  await service.stop();
});

/** What `work` sends to the database. Nothing of it lasts. */
const sentBy = async (work: (tx: EntityManager) => Promise<unknown>): Promise<Sent[]> => {
  const sent: Sent[] = [];
  const runner = database.createQueryRunner();
  const client = (await runner.connect()) as { query: (text: string | Sent, values?: unknown[]) => unknown };
  const query = client.query.bind(client);
  await runner.startTransaction();
  client.query = (text, values = []) => {
    sent.push(typeof text === 'string' ? { text, values } : text);
    return typeof text === 'string' ? query(text, values) : query(text);
  };
  await work(runner.manager).finally(async () => {
    client.query = query;
    await runner.rollbackTransaction();
    await runner.release();
  });
  return sent;
};

const scanned = (plan: Plan): string[] => [
  ...(plan['Node Type'] === 'Seq Scan' && big.has(plan['Relation Name'] ?? '') ? [plan['Relation Name']!] : []),
  ...(plan.Plans ?? []).flatMap(scanned),
];

/** An index that is read from end to end because of what it leaves out: as many entries as there are targets. */
const scannedIndexes = (plan: Plan): string[] => [
  ...(plan['Node Type'].includes('Index') && !plan['Index Cond'] ? [plan['Index Name']!] : []),
  ...(plan.Plans ?? []).flatMap(scannedIndexes),
];

/** Big tables that are read from end to end. */
const readWhole = async (sent: Sent[]): Promise<string[]> => {
  const found = await Promise.all(
    sent.map(async ({ text, values }) => {
      const [row] = await database.query<{ 'QUERY PLAN': { Plan: Plan }[] }[]>(`EXPLAIN (FORMAT JSON) ${text}`, values);
      const tables = scanned(row!['QUERY PLAN'][0]!.Plan);
      return COUNTS_ALL.test(text) &&
        !/status|machine_id|node_id|image_id|session_id|ended_at|name|username/.test(text.split(' WHERE ')[1] ?? '')
        ? []
        : tables.map((table) => `${table}: ${text}`);
    }),
  );
  return found.flat();
};

const page = <C extends RequestContract>(contract: C, asked: object) => contract.input.parse(asked) as never;
const id = newId();

it('the tables of this spec are big', () => {
  const names = ['targets', 'machines', 'images', 'image_copies', 'users', 'api_tokens', 'boot_sessions', 'outbox', 'idempotency_keys'];
  expect(names.filter((name) => !big.has(name))).toEqual([]);
});

it('a table without a fitting index is found out', async () => {
  expect(await readWhole([{ text: 'SELECT * FROM targets.targets WHERE image_file = $1', values: ['x'] }])).toHaveLength(1);
});

const key = { actor: 'admin', key: 'k1', fingerprint: 'f', attempt: 1 };
const HOT: Record<string, (tx: EntityManager) => Promise<unknown>> = {
  'who asks': (tx) => tokens.findAskers(tx, [{ userId: id }, { tokenId: id }]),
  'who logs in': (tx) => findUserByName(tx, 'u77'),
  'what a create looks at': (tx) =>
    inOneGo(tx, [
      lockingMachines([target.machine_id]),
      lockingImages([target.image_id], 'share'),
      readingPlaces([target.image_id]),
      targets.readingLiveExports([target.machine_id], [{ id: target.image_id, exclusive: true }]),
    ]),
  'how many targets nodes have': countTargets,
  'change of a target': (tx) => inOneGo(tx, [targets.lockingTargets([target.id]), targets.updatingTargets([target])]),
  'claim of operations': (tx) => targets.claimOperations(tx, [target.id], 1_000),
  'end of claims': (tx) => targets.releaseClaims(tx, [target]),
  'claims that are renewed': (tx) => targets.extendClaims(tx, [target], 1_000),
  'an operation that waits': (tx) => targets.postponeOperation(tx, target, 1_000),
  'due operations': (tx) => targets.dueOperations(tx, 64),
  'operations of a node that is back': (tx) => targets.hastenOperations(tx, 'node-1'),
  'the wishes of a node': (tx) => targets.wishedTargetsOf(tx, 'node-1', id, 200),
  'the plan of a node': (tx) => targets.plannedTargetsOf(tx, 'node-1', id, 32),
  'drifted targets': (tx) => targets.driftedTargetsOf(tx, 'node-1'),
  'the target of a machine': (tx) => targets.findLiveTargetOfMachine(tx, target.machine_id),
  'the last target of a machine': (tx) => targets.findNewestTargetOfMachine(tx, target.machine_id),
  'a writer beside a reader': (tx) => targets.findExportInTheWay(tx, target.image_id, true),
  'use of an image': (tx) => targets.hasLiveTarget(tx, 'image_id', target.image_id),
  'use of a session': (tx) => targets.hasLiveTarget(tx, 'session_id', id),
  'an open session': (tx) => hasOpenSession(tx, 'machine_id', target.machine_id),
  'secrets of a target': (tx) => secretsOf(tx, target.id),
  'claim of a key': (tx) => keys.claimKey(tx, key, 1_000, 24),
  'answer of a key': (tx) => keys.answerKey(tx, key, {}),
  'keys that have expired': keys.pruneKeys,
  'unpublished messages': (tx) => tx.query(UNPUBLISHED),
  'messages that were kept long enough': (tx) => tx.query(PRUNE),
  'marking messages': (tx) => tx.query(MARK, [[1, 2]]),
  'the backlog': (tx) => tx.query(BACKLOG),
};

it.each(Object.entries(HOT))('%s: no big table is read from end to end', async (_, work) => {
  expect(await readWhole(await sentBy(work))).toEqual([]);
});

it.each([false, true])('what a create looks at is found without all targets that are there; exclusive: %s', async (exclusive) => {
  const { text, values } = targets.readingLiveExports([target.machine_id], [{ id: target.image_id, exclusive }]);
  const [row] = await database.query<{ 'QUERY PLAN': { Plan: Plan }[] }[]>(`EXPLAIN (FORMAT JSON) ${text}`, values);

  expect(scannedIndexes(row!['QUERY PLAN'][0]!.Plan)).toEqual([]);
});

const KEPT_PLANS = {
  'looked up': () => targets.lockingTargets([target.id]),
  changed: () => targets.updatingTargets([target]),
};

/** A connection keeps its plans, and made them when Postgres last counted: they must still do when there are many. */
it.each(Object.entries(KEPT_PLANS))('what is %s is found by its id even by a plan of when there were few', async (_, statement) => {
  const owner = await service.dataSource(service.urls.targets_owner);
  const runner = owner.createQueryRunner();
  await runner.startTransaction();
  await runner.query(`CREATE TEMP TABLE few AS SELECT * FROM targets.targets LIMIT 300; TRUNCATE targets.targets CASCADE;
    INSERT INTO targets.targets SELECT * FROM few; ANALYZE targets.targets`);
  const [row] = (await runner.query(`EXPLAIN (FORMAT JSON, GENERIC_PLAN) ${statement().text}`)) as [{ 'QUERY PLAN': [{ Plan: Plan }] }];
  await runner.rollbackTransaction();
  await owner.destroy();

  const plan = row['QUERY PLAN'][0].Plan;
  expect([...scanned(plan), ...scannedIndexes(plan)]).toEqual([]);
});

const PAGES: Record<string, (tx: EntityManager) => Promise<unknown>> = {
  targets: (tx) => targets.listTargets(tx, page(ListTargets, {})),
  'targets, deleted ones too': (tx) => targets.listTargets(tx, page(ListTargets, { include_deleted: true })),
  'targets of a status': (tx) => targets.listTargets(tx, page(ListTargets, { status: 'PENDING' })),
  'targets of a node': (tx) => targets.listTargets(tx, page(ListTargets, { node_id: 'node-1' })),
  'targets of a machine': (tx) => targets.listTargets(tx, page(ListTargets, { machine_id: target.machine_id })),
  'targets of an image': (tx) => targets.listTargets(tx, page(ListTargets, { image_id: target.image_id })),
  machines: (tx) => listMachines(tx, page(ListMachines, {})),
  'machines of a name': (tx) => listMachines(tx, page(ListMachines, { name: 'm77' })),
  images: (tx) => listImages(tx, page(ListImages, {})),
  'images of a name': (tx) => listImages(tx, page(ListImages, { name: 'i77' })),
  sessions: (tx) => listSessions(tx, page(ListSessions, {})),
  'open sessions': (tx) => listSessions(tx, page(ListSessions, { open: true })),
  'sessions of a machine': (tx) => listSessions(tx, page(ListSessions, { machine_id: target.machine_id })),
  users: (tx) => listUsers(tx, page(ListUsers, {})),
  'users of a name': (tx) => listUsers(tx, page(ListUsers, { username: 'u77' })),
  tokens: (tx) => tokens.listTokens(tx, page(ListTokens, {}), undefined),
  'tokens of a user': (tx) => tokens.listTokens(tx, page(ListTokens, {}), id),
};

it.each(Object.entries(PAGES))('a page of %s: by key, and no big table is read from end to end', async (_, work) => {
  const sent = await sentBy(work);

  expect(await readWhole(sent)).toEqual([]);
  expect(sent.filter(({ text }) => /OFFSET/i.test(text))).toEqual([]);
});

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, headers, type NatsConnection } from 'nats';
import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { REQUESTS, mayDo, nodeSubject, type NodeReport, type Role } from '#contracts';
import { databaseOptions, migrate, undoLastMigration } from '#database';
import {
  claimPort,
  provisionDatabase,
  startNats,
  startPostgres,
  type DatabaseUrls,
  type RunningNats,
  type RunningPostgres,
} from '#embedded';
import { connectBus } from '#messaging';
import { createLog, loadSettings, newId, type Service } from '#runtime';
import { keepCredentials } from '../../all-in-one/src/credentials';
import { makeFirstAdmin } from './access/first-admin';
import { Settings } from './config';
import { ENTITIES, MIGRATIONS, SCHEMA } from './data-source';
import { OutboxRelay } from './outbox/outbox-relay';
import { startTargetsService } from './start-targets-service';

const log = createLog('test', 'silent');
const dir = mkdtempSync(join(tmpdir(), 'targets-'));
const credentials = keepCredentials(dir);

let postgres: RunningPostgres;
let server: RunningNats;
let urls: DatabaseUrls;
let service: Service;
let bus: NatsConnection;
let admin: string;
let sql: Client;

jest.setTimeout(20_000);

const inDatabase = (database: string): DatabaseUrls =>
  Object.fromEntries(Object.entries(urls).map(([role, url]) => [role, url.replace(/\/spindle$/, `/${database}`)])) as DatabaseUrls;

const settings = async (more: Record<string, string> = {}) =>
  loadSettings(Settings, {
    LOG_LEVEL: 'silent',
    NATS_URL: server.url,
    NATS_USER: credentials.natsUser,
    NATS_PASSWORD: credentials.natsPassword,
    HEALTH_PORT: String(await claimPort('health')),
    DATABASE_URL: urls.targets_app,
    MIGRATION_DATABASE_URL: urls.targets_owner,
    AUTH_PRIVATE_KEY_FILE: credentials.privateKeyFile,
    AUTH_PUBLIC_KEY_FILE: credentials.publicKeyFile,
    ADMIN_PASSWORD_FILE: credentials.adminPasswordFile,
    NODE_SILENCE_MS: '1500',
    CREATE_REPLY_MS: '300',
    LOGIN_FAILURES: '3',
    ...more,
  });

const dataSource = (url: string) =>
  new DataSource(databaseOptions({ url, schema: SCHEMA, poolSize: 1, entities: ENTITIES, log, application: 'test' })).initialize();

const ask = async (subject: string, body: unknown, token: string | null = admin, source = 'http:127.0.0.1') => {
  const sent = headers();
  if (token) sent.set('Authorization', `Bearer ${token}`);
  sent.set('Spindle-Source', source);
  const answer = await bus.request(subject, JSON.stringify(body), { timeout: 10_000, headers: sent });
  return answer.json<
    Record<string, never> & { code?: string; id: string; access_token: string; items: { id: string; status: string }[] }
  >();
};

const eventually = async <T>(look: () => Promise<T>, check: (seen: T) => boolean): Promise<T> => {
  for (let left = 100; left > 0; left--) {
    const seen = await look();
    if (check(seen)) return seen;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error('did not happen');
};

const INSTANCE = newId();

/** What an executor sends, sent by hand: here nothing answers on the node's side. */
const report = (node_id: string, more: Partial<NodeReport> = {}): NodeReport => ({
  node_id,
  instance: INSTANCE,
  previous_instance: null,
  drifted: [],
  drift_policy: 'repair',
  name: node_id,
  status: 'online',
  message: null,
  portal: { address: '192.0.2.1', port: 3260 },
  targets: 0,
  queued: 0,
  versions: {},
  foreign: [],
  checks: [],
  saved_config: { state: 'none', at: null, message: null },
  sessions: [],
  ...more,
});

const published = async (subject: string): Promise<{ type: string; subject: string; sequence: number }[]> =>
  (
    await sql.query<{ body: never }>(
      'SELECT body FROM targets.outbox WHERE subject LIKE $1 AND published_at IS NOT NULL ORDER BY position',
      [subject],
    )
  ).rows.map(({ body }) => body);

const machine = () => ask('machines.create', { name: `m-${newId()}`, mac_address: randomMac() });
const randomMac = () =>
  `52:${[...Array(5)]
    .map(() =>
      Math.floor(Math.random() * 256)
        .toString(16)
        .padStart(2, '0'),
    )
    .join(':')}`;
const addImage = async (node: string) => {
  const id = newId();
  await sql.query(
    `INSERT INTO targets.images (id, name, file, size_bytes, read_only, node_id, created_at, updated_at) VALUES ($1, $2, $2, 4096, false, $3, now(), now())`,
    [id, `i-${id}`, node],
  );
  return id;
};

beforeAll(async () => {
  postgres = await startPostgres({ dataDir: join(dir, 'postgres'), durable: false, log: () => undefined });
  server = await startNats({
    dataDir: join(dir, 'nats'),
    user: credentials.natsUser,
    password: credentials.natsPassword,
    log: () => undefined,
  });
  // The roles are the cluster's: each call gives them new passwords, which the last one's are good for everywhere.
  for (const database of ['other', 'fresh', 'spindle']) urls = await provisionDatabase(postgres.superuserUrl, database);
  service = await startTargetsService(await settings());
  bus = await connect({
    servers: server.url,
    user: credentials.natsUser,
    pass: credentials.natsPassword,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
  });
  sql = new Client({ connectionString: postgres.superuserUrl.replace(/\/postgres$/, '/spindle') });
  await sql.connect();
  admin = (await ask('auth.login', { username: 'admin', password: credentials.adminPassword }, null)).access_token;
}, 60_000);

afterAll(async () => {
  await sql?.end();
  await bus?.close();
  await service?.close();
  await server?.stop();
  await postgres?.stop();
});

describe('the schema', () => {
  it('has the columns that the entities name, no more and no fewer', async () => {
    const source = await dataSource(urls.targets_app);

    for (const { tableName, columns } of source.entityMetadatas) {
      const { rows } = await sql.query<{ column_name: string }>(
        `SELECT column_name FROM information_schema.columns WHERE table_schema = 'targets' AND table_name = $1`,
        [tableName],
      );
      expect(rows.map(({ column_name }) => column_name).sort()).toEqual(columns.map(({ databaseName }) => databaseName).sort());
    }
    await source.destroy();
  });

  it('goes down and up again', async () => {
    const other = inDatabase('other');
    const tables = async () => {
      const client = new Client({ connectionString: postgres.superuserUrl.replace(/\/postgres$/, '/other') });
      await client.connect();
      const { rows } = await client.query(`SELECT 1 FROM pg_tables WHERE schemaname = 'targets' AND tablename <> 'migrations'`);
      await client.end();
      return rows.length;
    };

    const counts: number[] = [];
    await migrate(other.targets_owner, MIGRATIONS, SCHEMA, log);
    counts.push(await tables());
    await undoLastMigration(other.targets_owner, MIGRATIONS, SCHEMA, log);
    counts.push(await tables());
    await migrate(other.targets_owner, MIGRATIONS, SCHEMA, log);
    counts.push(await tables());

    expect(counts).toEqual([10, 8, 10]);
  });

  it('refuses a second live target of a machine, whatever the code does', async () => {
    await bus.request(nodeSubject('node-db', 'report'), JSON.stringify(report('node-db')));
    const { id: machineId } = await machine();
    const [first, second] = [await addImage('node-db'), await addImage('node-db')];
    await ask('targets.create', { machine_id: machineId, image_id: first });

    const copy = sql.query(
      `INSERT INTO targets.targets SELECT (jsonb_populate_record(t, jsonb_build_object('id', $2::text, 'iqn', $2::text, 'image_id', $3::text))).*
       FROM targets.targets t WHERE machine_id = $1`,
      [machineId, newId(), second],
    );

    await expect(copy).rejects.toMatchObject({ constraint: 'targets_live_machine' });
  });
});

describe('nodes', () => {
  it('are announced when they report, when they fall silent, and when they stop', async () => {
    const say = (more: Partial<NodeReport> = {}) => bus.request(nodeSubject('node-1', 'report'), JSON.stringify(report('node-1', more)));

    await say();
    await eventually(
      () => published('node.%'),
      (events) => events.some(({ type, subject }) => subject === 'node-1' && type.includes('offline')),
    );
    await say();
    await say({ status: 'stopping' });

    const events = await eventually(
      async () => (await published('node.%')).filter(({ subject }) => subject === 'node-1'),
      (seen) => seen.length >= 4,
    );
    expect(events.map(({ type, sequence }) => [type.split('.')[3], sequence])).toEqual([
      ['online', 1],
      ['offline', 2],
      ['online', 3],
      ['offline', 4],
    ]);
  });

  it('cannot report in the name of another', async () => {
    const answer = await bus.request(nodeSubject('node-2', 'report'), JSON.stringify(report('node-3')));

    expect(answer.headers?.get('Nats-Service-Error')).toBe('INVALID_VALUE');
    expect((await ask('nodes.list', {})).items.map(({ id }) => id)).not.toContain('node-3');
  });

  it('that do not answer leave a target PENDING, with the reason, and it can be deleted all the same', async () => {
    await bus.request(nodeSubject('node-away', 'report'), JSON.stringify(report('node-away')));
    const { id: machine_id } = await machine();
    const created = await ask('targets.create', { machine_id, image_id: await addImage('node-away') });

    const waiting = await eventually(
      () => ask('targets.get', { id: created.id }),
      ({ last_error }) => last_error !== null,
    );
    const deleted = await ask('targets.delete', { id: created.id });

    expect(waiting).toMatchObject({ status: 'PENDING', operation: 'create', last_error: { code: 'NODE_OFFLINE' } });
    expect(deleted).toMatchObject({ status: 'PENDING', operation: 'delete', generation: 2 });
  });

  it('tell of logins, whose events share the order of their target', async () => {
    await bus.request(nodeSubject('node-log', 'report'), JSON.stringify(report('node-log')));
    const { id: machine_id } = await machine();
    const { id } = await ask('targets.create', { machine_id, image_id: await addImage('node-log') });
    const login = { target_id: id, initiator_iqn: 'iqn.2025-01.io.spindle:m-1', address: '192.0.2.9' };

    await bus.request(nodeSubject('node-log', 'report'), JSON.stringify(report('node-log', { sessions: [login] })));
    await bus.request(nodeSubject('node-log', 'report'), JSON.stringify(report('node-log')));

    const events = await eventually(
      async () => (await published('%')).filter(({ subject }) => subject === id),
      (seen) => seen.length >= 3,
    );
    expect(events.map(({ type, sequence }) => [type, sequence])).toEqual([
      ['io.spindle.target.requested.v1', 1],
      ['io.spindle.initiator.connected.v1', 2],
      ['io.spindle.initiator.disconnected.v1', 3],
    ]);
  });
});

describe('the one writer of a node', () => {
  const sendReport = async (nodeId: string, more: Partial<NodeReport>) =>
    (await bus.request(nodeSubject(nodeId, 'report'), JSON.stringify(report(nodeId, more)))).json<{
      accepted: boolean;
      lease_ms: number;
    }>();

  it('is one process of an executor, until it falls silent or its successor on the same folder takes over', async () => {
    const [first, second, third] = [newId(), newId(), newId()];

    const granted = await sendReport('node-lease', { instance: first });
    const refused = await sendReport('node-lease', { instance: second });
    const successor = await sendReport('node-lease', { instance: second, previous_instance: first });
    const late = await sendReport('node-lease', { instance: first });
    await new Promise((done) => setTimeout(done, 1_600));
    const afterSilence = await sendReport('node-lease', { instance: third });

    expect(granted).toMatchObject({ accepted: true, lease_ms: 1_500 });
    expect([refused, successor, late, afterSilence].map(({ accepted }) => accepted)).toEqual([false, true, false, true]);
  });

  it('is told its whole wish, page by page, with what is being deleted', async () => {
    await sendReport('node-wish', {});
    const made: string[] = [];
    for (let i = 0; i < 3; i++) {
      const { id } = await ask('targets.create', { machine_id: (await machine()).id, image_id: await addImage('node-wish') });
      made.push(id);
    }
    await ask('targets.delete', { id: made[1]! });
    const page = async (after: string | null) =>
      (await bus.request(nodeSubject('node-wish', 'wishes'), JSON.stringify({ after, limit: 2 }), { timeout: 5_000 })).json<{
        wishes: { target_id: string; state: string; generation: number; confirmed: boolean }[];
        next: string | null;
      }>();

    const first = await page(null);
    const second = await page(first.next);

    const wishes = [...first.wishes, ...second.wishes];
    expect(second.next).toBeNull();
    expect(wishes.map(({ target_id, state, generation }) => [target_id, state, generation])).toEqual([
      [made[0], 'present', 1],
      [made[1], 'absent', 2],
      [made[2], 'present', 1],
    ]);
    expect(wishes.every(({ confirmed }) => !confirmed)).toBe(true);
  });

  it('says what has drifted: an event for each change of it, and a repair where the policy says so', async () => {
    await sendReport('node-drift', {});
    const { id } = await ask('targets.create', { machine_id: (await machine()).id, image_id: await addImage('node-drift') });
    await sql.query(`UPDATE targets.targets SET status = 'ACTIVE', operation = NULL, next_attempt_at = NULL WHERE id = $1`, [id]);
    const drift = [{ kind: 'missing' as const, what: 'acl', expected: 'x', found: null }];
    const drifted = [{ target_id: id, generation: 1, drift }];

    await sendReport('node-drift', { drifted, drift_policy: 'report' });
    await sendReport('node-drift', { drifted, drift_policy: 'report' });
    await sendReport('node-drift', { drifted: [{ target_id: id, generation: 7, drift }], drift_policy: 'repair' });
    await sendReport('node-drift', { drifted: [], drift_policy: 'report' });
    await sendReport('node-drift', { drifted, drift_policy: 'repair' });

    const events = await eventually(
      async () => (await published('target.%')).filter(({ subject }) => subject === id),
      (seen) => seen.length >= 4,
    );
    expect(events.map(({ type, sequence }) => [type, sequence])).toEqual([
      ['io.spindle.target.requested.v1', 1],
      ['io.spindle.target.drifted.v1', 2],
      ['io.spindle.target.repaired.v1', 3],
      ['io.spindle.target.drifted.v1', 4],
    ]);
    expect(await ask('targets.get', { id })).toMatchObject({ status: 'PENDING', operation: 'repair' });
  });

  it('gets no new targets while it is cordoned', async () => {
    await sendReport('node-cordon', {});
    const body = { machine_id: (await machine()).id, image_id: await addImage('node-cordon') };

    await ask('nodes.update', { id: 'node-cordon', cordoned: true });
    const refused = await ask('targets.create', body);
    await ask('nodes.update', { id: 'node-cordon', cordoned: false });

    expect(refused.code).toBe('NODE_CORDONED');
    expect((await ask('targets.create', body)).id).toBeDefined();
    expect((await ask('nodes.update', { id: 'no-node', cordoned: true })).code).toBe('NODE_NOT_FOUND');
  });
});

describe('access', () => {
  it('every role may do what the table says and nothing else', async () => {
    const roles: Role[] = ['viewer', 'operator', 'admin', 'auditor'];
    const unexpected: string[] = [];
    let cells = 0;
    for (const role of roles) {
      const password = `${newId()}-password`;
      await ask('users.create', { username: `is-${role}`, password, role });
      const token = (await ask('auth.login', { username: `is-${role}`, password }, null)).access_token;
      for (const { subject } of REQUESTS.filter((contract) => contract.subject !== 'auth.login' && contract.subject !== 'audit.search')) {
        const { code } = await ask(subject, { nonsense: true }, token);
        if ((code === 'FORBIDDEN') === mayDo(role, subject)) unexpected.push(`${role} ${subject} ${code}`);
        cells++;
      }
    }

    expect(unexpected).toEqual([]);
    expect(cells).toBe(4 * 29);
  });

  it('a name is locked for the source that guesses, not for others, and whether it exists does not show', async () => {
    const guess = (username: string, source: string) => ask('auth.login', { username, password: 'wrong password' }, null, source);

    const codes: (string | undefined)[] = [];
    for (const username of ['admin', 'nobody-of-this-name'])
      for (let i = 0; i < 4; i++) codes.push((await guess(username, 'http:192.0.2.66')).code);
    const elsewhere = await ask('auth.login', { username: 'admin', password: credentials.adminPassword }, null, 'http:192.0.2.77');

    expect(codes).toEqual(Array(2).fill(['LOGIN_FAILED', 'LOGIN_FAILED', 'LOGIN_FAILED', 'LOGIN_LOCKED']).flat());
    expect(elsewhere.access_token).toBeDefined();
  });

  it('the last admin stays', async () => {
    const users = await ask('users.list', { username: 'admin' });
    await sql.query(`UPDATE targets.users SET deleted_at = now() WHERE username = 'is-admin'`);

    expect((await ask('users.delete', { id: users.items[0]!.id })).code).toBe('LAST_ADMIN');
    expect((await ask('users.update', { id: users.items[0]!.id, role: 'viewer' })).code).toBe('LAST_ADMIN');
  });

  it('a default password for the first admin is refused at start', async () => {
    const file = join(dir, 'default-password');
    const fresh = inDatabase('fresh');
    writeFileSync(file, 'changeme-changeme');

    await migrate(fresh.targets_owner, MIGRATIONS, SCHEMA, log);
    const database = await dataSource(fresh.targets_app);

    const refused = makeFirstAdmin(database, await settings({ ADMIN_PASSWORD_FILE: file }));

    await expect(refused).rejects.toThrow('ADMIN_PASSWORD_FILE: holds a default password');
    await database.destroy();
  });
});

describe('the outbox', () => {
  const insert = (client: Client, name: string) =>
    client.query(`INSERT INTO targets.outbox (message_id, subject, request_id, body) VALUES ($1, 'target.created', 'r', $2)`, [
      newId(),
      { name },
    ]);
  const client = async () => {
    const own = new Client({ connectionString: postgres.superuserUrl.replace(/\/postgres$/, '/spindle') });
    await own.connect();
    return own;
  };

  it('skips nothing when a lower position commits later', async () => {
    const [slow, fast] = [await client(), await client()];
    const seen: string[] = [];
    const subscription = bus.subscribe('target.created', {
      callback: (_error, message) => seen.push(message.json<{ name: string }>().name),
    });
    await bus.flush();

    await slow.query('BEGIN');
    await insert(slow, 'first');
    await insert(fast, 'second');
    await new Promise((done) => setTimeout(done, 1_500));
    const early = [...seen];
    await slow.query('COMMIT');

    await eventually(
      () => Promise.resolve(seen),
      (names) => names.length === 2,
    );
    expect(early).toEqual([]);
    expect(seen).toEqual(['first', 'second']);
    subscription.unsubscribe();
    await Promise.all([slow.end(), fast.end()]);
  });

  it('is published once and in order by two relays', async () => {
    const nats = { NATS_URL: server.url, NATS_USER: credentials.natsUser, NATS_PASSWORD: credentials.natsPassword };
    const second = await connectBus('second relay', nats, log);
    const relay = new OutboxRelay(urls.targets_app, second, log);
    relay.start();
    const own = await client();
    const seen: string[] = [];
    const subscription = bus.subscribe('target.created', {
      callback: (_error, message) => seen.push(message.json<{ name: string }>().name),
    });

    for (let i = 0; i < 100; i++) await insert(own, String(i));

    await eventually(
      () => Promise.resolve(seen),
      (names) => names.length >= 100,
    );
    expect(seen).toEqual([...Array(100).keys()].map(String));
    subscription.unsubscribe();
    await relay.stop();
    await second.close();
    await own.end();
  });

  it('loses nothing while NATS is away', async () => {
    await server.kill();
    const before = await client();
    await insert(before, 'while away');
    await before.end();

    server = await startNats({
      dataDir: join(dir, 'nats'),
      port: server.port,
      user: credentials.natsUser,
      password: credentials.natsPassword,
      log: () => undefined,
    });

    await eventually(
      async () => (await sql.query('SELECT 1 FROM targets.outbox WHERE published_at IS NULL')).rowCount,
      (waiting) => waiting === 0,
    );
    const stream = await (await bus.jetstreamManager()).streams.getMessage('SPINDLE_EVENTS', { last_by_subj: 'target.created' });
    expect(stream.json()).toEqual({ name: 'while away' });
  }, 30_000);

  it('fills a stream again that was made anew, with all that is kept', async () => {
    const manager = await bus.jetstreamManager();
    const kept = Number((await sql.query(`SELECT count(*) FROM targets.outbox WHERE subject LIKE 'audit-intent.%'`)).rows[0].count);

    await manager.streams.delete('SPINDLE_AUDIT');

    await eventually(
      () =>
        manager.streams.info('SPINDLE_AUDIT').then(
          ({ state }) => state.messages,
          () => 0,
        ),
      (messages) => messages >= kept,
    );
  }, 30_000);
});

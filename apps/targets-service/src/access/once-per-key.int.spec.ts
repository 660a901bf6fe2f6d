import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, headers, type NatsConnection } from 'nats';
import { Client } from 'pg';
import { claimPort, provisionDatabase, startNats, startPostgres, type RunningNats, type RunningPostgres } from '#embedded';
import { loadSettings, newId, type Service } from '#runtime';
import { keepCredentials } from '../../../all-in-one/src/credentials';
import { Settings } from '../config';
import { startTargetsService } from '../start-targets-service';

const dir = mkdtempSync(join(tmpdir(), 'keys-'));
const credentials = keepCredentials(dir);

let postgres: RunningPostgres;
let server: RunningNats;
let service: Service;
let bus: NatsConnection;
let sql: Client;
let admin: string;

jest.setTimeout(20_000);

interface Answer {
  id: string;
  code?: string;
  name?: string;
  access_token: string;
}

const ask = async (subject: string, body: unknown, key?: string): Promise<Answer> => {
  const sent = headers();
  if (admin) sent.set('Authorization', `Bearer ${admin}`);
  if (key !== undefined) sent.set('Idempotency-Key', key);
  return (await bus.request(subject, JSON.stringify(body), { timeout: 10_000, headers: sent })).json<Answer>();
};

const machine = () => ({ name: `m-${newId()}`, mac_address: `52:${newId().slice(-10).match(/../g)!.join(':')}` });
const count = async (table: string) => Number((await sql.query<{ count: string }>(`SELECT count(*) FROM targets.${table}`)).rows[0]!.count);

beforeAll(async () => {
  const quiet = () => undefined;
  postgres = await startPostgres({ dataDir: join(dir, 'postgres'), durable: false, log: quiet });
  server = await startNats({ dataDir: join(dir, 'nats'), user: credentials.natsUser, password: credentials.natsPassword, log: quiet });
  const urls = await provisionDatabase(postgres.superuserUrl);
  service = await startTargetsService(
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
      CREATE_REPLY_MS: '300',
    }),
  );
  bus = await connect({ servers: server.url, user: credentials.natsUser, pass: credentials.natsPassword });
  sql = new Client({ connectionString: postgres.superuserUrl.replace(/\/postgres$/, '/spindle') });
  await sql.connect();
  admin = (await ask('auth.login', { username: 'admin', password: credentials.adminPassword })).access_token;
}, 60_000);

afterAll(async () => {
  await sql?.end();
  await bus?.close();
  await service?.close();
  await server?.stop();
  await postgres?.stop();
});

it('50 sendings of one command at once have one effect, and all that are answered get the same answer', async () => {
  const body = machine();
  const before = await count('machines');

  const answers = await Promise.all([...Array(50)].map(() => ask('machines.create', body, 'fifty')));
  const later = await ask('machines.create', body, 'fifty');

  expect(await count('machines')).toBe(before + 1);
  for (const answer of answers) expect(answer.code === 'IDEMPOTENCY_KEY_RUNNING' || answer.id === later.id).toBe(true);
  expect(answers.some(({ id }) => id === later.id)).toBe(true);
});

it('a key with another command, another body, or of another kind is refused', async () => {
  const body = machine();
  await ask('machines.create', body, 'reused');

  expect((await ask('machines.create', machine(), 'reused')).code).toBe('IDEMPOTENCY_KEY_REUSED');
  expect((await ask('images.create', { name: 'x', file: 'x' }, 'reused')).code).toBe('IDEMPOTENCY_KEY_REUSED');
  expect((await ask('machines.create', machine(), 'two words')).code).toBe('INVALID_IDEMPOTENCY_KEY');
});

it('an answer is replayed as it was, also when the thing has changed since', async () => {
  const created = await ask('machines.create', machine(), 'replayed');
  const deletion = await ask('machines.delete', { id: created.id }, 'deletion');

  expect(await ask('machines.delete', { id: created.id }, 'deletion')).toEqual(deletion);
  expect((await ask('machines.delete', { id: created.id })).code).toBe('MACHINE_NOT_FOUND');
});

it('a refused command leaves its key free for another try', async () => {
  const body = machine();
  await ask('machines.create', body);

  const refused = await ask('machines.create', body, 'free');
  const { id } = await ask('machines.create', machine(), 'free');

  expect(refused.code).toBe('MACHINE_NAME_TAKEN');
  expect(id).toBeDefined();
});

it('a retry of a create whose holder has died goes on with the same target', async () => {
  const nodeId = 'node-keys';
  await sql.query(`INSERT INTO targets.storage_nodes VALUES ($1, $1, 'offline', 1, '192.0.2.1', 3260, now(), '{"sessions":[]}')`, [nodeId]);
  const imageId = newId();
  await sql.query(`INSERT INTO targets.images VALUES ($1, $3, $3, 4096, false, $2, now(), now())`, [imageId, nodeId, imageId]);
  const body = { machine_id: (await ask('machines.create', machine())).id, image_id: imageId };
  const first = await ask('targets.create', body, 'died');
  await sql.query(`UPDATE targets.idempotency_keys SET held_until = now() + interval '1 hour' WHERE key = 'died'`);

  const running = await ask('targets.create', body, 'died');
  await sql.query(`UPDATE targets.idempotency_keys SET held_until = now() WHERE key = 'died'`);
  const again = await ask('targets.create', body, 'died');

  expect(running.code).toBe('IDEMPOTENCY_KEY_RUNNING');
  expect(again.id).toBe(first.id);
  expect(await count('targets')).toBe(1);
});

it('keys end with their time', async () => {
  const body = machine();
  await ask('machines.create', body, 'ends');
  await sql.query(`UPDATE targets.idempotency_keys SET expires_at = now() WHERE key = 'ends'`);

  expect((await ask('machines.create', body, 'ends')).code).toBe('MACHINE_NAME_TAKEN');
});

import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, headers, type NatsConnection } from 'nats';
import { Client } from 'pg';
import { DataSource } from 'typeorm';
import type { NodeReport } from '#contracts';
import { databaseOptions } from '#database';
import {
  claimPort,
  provisionDatabase,
  startNats,
  startPostgres,
  type DatabaseUrls,
  type RunningNats,
  type RunningPostgres,
} from '#embedded';
import { createLog, loadSettings, newId, publicKeyText, type Service } from '#runtime';
import { keepCredentials } from '../../apps/all-in-one/src/credentials';
import { Settings } from '../../apps/targets-service/src/config';
import { ENTITIES, SCHEMA } from '../../apps/targets-service/src/data-source';
import { startTargetsService } from '../../apps/targets-service/src/start-targets-service';
import { nodeReport } from './node-report';

export const log = createLog('test', 'silent');
const quiet = () => undefined;

export interface Reply {
  code?: string;
  id: string;
  access_token: string;
  token: string;
  plan: string;
  role: string;
  expires_in: number;
  total: number;
  last_error: unknown;
  status: string;
  items: { id: string; status: string; last_used_at: string | null }[];
}

interface Asking {
  token?: string | null;
  source?: string;
  key?: string;
}

/** targets-service on a Postgres and a NATS server of its own. No node answers: their reports are sent by hand. */
export class TargetsServiceForTests {
  readonly dir = mkdtempSync(join(tmpdir(), 'targets-'));
  readonly credentials = keepCredentials(this.dir);
  postgres: RunningPostgres;
  nats: RunningNats;
  urls: DatabaseUrls;
  bus: NatsConnection;
  sql: Client;
  admin: string;
  private service: Service;
  private readonly instance = newId();
  private readonly nodeKey = publicKeyText(generateKeyPairSync('x25519').publicKey);

  async start(more: Record<string, string> = {}): Promise<void> {
    this.postgres = await startPostgres({ dataDir: join(this.dir, 'postgres'), durable: false, log: quiet });
    this.nats = await this.startBus();
    // The roles are the cluster's: each call gives them new passwords, which the last one's are good for everywhere.
    for (const database of ['other', 'fresh', 'spindle']) this.urls = await provisionDatabase(this.postgres.superuserUrl, database);
    this.service = await startTargetsService(await this.settings(more));
    this.bus = await connect({ servers: this.nats.url, ...this.login, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
    this.sql = await this.client();
    const { adminPassword: password } = this.credentials;
    this.admin = (await this.ask('auth.login', { username: 'admin', password }, { token: null })).access_token;
  }

  async stop(): Promise<void> {
    await this.sql?.end();
    await this.bus?.close();
    await this.service?.close();
    await this.nats?.stop();
    await this.postgres?.stop();
  }

  get natsSettings() {
    return { NATS_URL: this.nats.url, NATS_USER: this.credentials.natsUser, NATS_PASSWORD: this.credentials.natsPassword };
  }

  async settings(more: Record<string, string> = {}): Promise<Settings> {
    return loadSettings(Settings, {
      LOG_LEVEL: 'silent',
      ...this.natsSettings,
      HEALTH_PORT: String(await claimPort('health')),
      DATABASE_URL: this.urls.targets_app,
      MIGRATION_DATABASE_URL: this.urls.targets_owner,
      AUTH_PRIVATE_KEY_FILE: this.credentials.privateKeyFile,
      AUTH_PUBLIC_KEY_FILE: this.credentials.publicKeyFile,
      ADMIN_PASSWORD_FILE: this.credentials.adminPasswordFile,
      SECRETS_KEY_FILE: this.credentials.secretsKeyFile,
      NODE_SILENCE_MS: '1500',
      CREATE_REPLY_MS: '300',
      LOGIN_FAILURES: '3',
      ...more,
    });
  }

  async restartNats(): Promise<void> {
    this.nats = await this.startBus(this.nats.port);
  }

  /** The same roles in another database of the cluster. */
  inDatabase(database: string): DatabaseUrls {
    const urls = Object.entries(this.urls).map(([role, url]) => [role, url.replace(/\/spindle$/, `/${database}`)]);
    return Object.fromEntries(urls) as DatabaseUrls;
  }

  dataSource(url: string): Promise<DataSource> {
    return new DataSource(databaseOptions({ url, schema: SCHEMA, poolSize: 1, entities: ENTITIES, log, application: 'test' })).initialize();
  }

  async client(database = 'spindle'): Promise<Client> {
    const client = new Client({ connectionString: this.postgres.superuserUrl.replace(/\/postgres$/, `/${database}`) });
    await client.connect();
    return client;
  }

  async ask(subject: string, body: unknown, { token = this.admin, source = 'http:127.0.0.1', key }: Asking = {}): Promise<Reply> {
    const sent = headers();
    if (token) sent.set('Authorization', `Bearer ${token}`);
    if (key !== undefined) sent.set('Idempotency-Key', key);
    sent.set('Spindle-Source', source);
    return (await this.bus.request(subject, JSON.stringify(body), { timeout: 10_000, headers: sent })).json<Reply>();
  }

  /** What an executor would send. */
  report(node_id: string, more: Partial<NodeReport> = {}): NodeReport {
    return nodeReport({ node_id, instance: this.instance, sealing_key: this.nodeKey }, more);
  }

  async published(subject: string): Promise<{ type: string; subject: string; sequence: number }[]> {
    const text = `SELECT body FROM targets.outbox WHERE subject LIKE $1 AND position NOT IN (SELECT position FROM targets.outbox_waiting)
      ORDER BY position`;
    return (await this.sql.query<{ body: never }>(text, [subject])).rows.map(({ body }) => body);
  }

  machine(): Promise<Reply> {
    return this.ask('machines.create', newMachine());
  }

  /** As if a node had said that it has the file. */
  async image(nodeId: string): Promise<string> {
    const id = newId();
    const columns = 'id, name, file, size_bytes, read_only, node_id, created_at, updated_at';
    await this.sql.query(`INSERT INTO targets.images (${columns}) VALUES ($1, $2, $2, 4096, false, $3, now(), now())`, [
      id,
      `i-${id}`,
      nodeId,
    ]);
    return id;
  }

  private get login() {
    return { user: this.credentials.natsUser, pass: this.credentials.natsPassword };
  }

  private startBus(port?: number): Promise<RunningNats> {
    const { natsUser: user, natsPassword: password } = this.credentials;
    return startNats({ dataDir: join(this.dir, 'nats'), port, user, password, log: quiet });
  }
}

/** The last digits of an id are random. */
export const newMachine = () => ({ name: `m-${newId()}`, mac_address: `52:${newId().slice(-10).match(/../g)!.join(':')}` });

export const eventually = async <T>(look: () => Promise<T>, check: (seen: T) => boolean): Promise<T> => {
  for (let left = 100; ; left--) {
    const seen = await look();
    if (check(seen)) return seen;
    if (left === 0) throw new Error(`did not happen; last seen: ${JSON.stringify(seen)}`);
    await new Promise((done) => setTimeout(done, 100));
  }
};

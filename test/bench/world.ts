import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, headers, nkeyAuthenticator, type NatsConnection } from 'nats';
import { Client } from 'pg';
import { nodeUser } from '#contracts';
import { startNats, startPostgres, type RunningNats, type RunningPostgres, type ServiceProcess } from '#embedded';
import { keepCredentials, type Credentials } from '../../apps/all-in-one/src/credentials';
import { startServices, type RunningService, type ServiceName } from '../../apps/all-in-one/src/start-services';
import { SimulatedNode } from './null-node';

const NODE_ID = 'simulated-1';
const ANSWER_MS = 30_000;

export interface Inventory {
  machines: string[];
  /** Read-only, so that every machine can have a target of it. */
  image: string;
}

/** Postgres, NATS and the three services as the product runs them, and a SIMULATED storage node. Postgres waits for the disk, as usual. */
export class World {
  private readonly dir = mkdtempSync(join(tmpdir(), 'spindle-bench-'));
  private readonly credentials: Credentials = keepCredentials(this.dir, [NODE_ID]);
  private readonly processes: ServiceProcess[] = [];
  private readonly node = new SimulatedNode(NODE_ID);
  postgres: RunningPostgres;
  nats: RunningNats;
  private token: string;
  services: Record<ServiceName, RunningService>;
  bus: NatsConnection;
  sql: Client;

  async start(settings: Record<string, string> = {}): Promise<void> {
    const say = () => undefined;
    mkdirSync(this.dir, { recursive: true });
    this.postgres = await startPostgres({ dataDir: join(this.dir, 'postgres'), log: say });
    this.nats = await startNats({ dataDir: join(this.dir, 'nats'), who: this.credentials.bus, log: say });
    const options = { dataDir: this.dir, usualPorts: false, logLevel: 'warn', settings, say };
    this.services = await startServices(options, this, this.credentials, (service) => this.processes.push(service));
    await this.node.start(this.nats.url, this.credentials.bus.seedFile(nodeUser(NODE_ID)));
    this.bus = await connect({ servers: this.nats.url, user: this.credentials.natsUser, pass: this.credentials.natsPassword });
    this.sql = await this.client('spindle');
    await this.logIn();
  }

  async stop(): Promise<void> {
    await this.sql?.end();
    await this.bus?.close();
    await this.node.stop();
    await Promise.all(this.processes.map((service) => service.stop()));
    await this.nats?.stop();
    await this.postgres?.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  async client(database: string): Promise<Client> {
    const client = new Client({ connectionString: this.postgres.superuserUrl.replace(/\/postgres$/, `/${database}`) });
    client.on('error', () => undefined); // Postgres stops before it when something failed, and that is to be told
    await client.connect();
    return client;
  }

  /** On the bus as one of our own. */
  busAs(user: string): Promise<NatsConnection> {
    const seed = readFileSync(this.credentials.bus.seedFile(user), 'utf8').trim();
    return connect({ servers: this.nats.url, authenticator: nkeyAuthenticator(Buffer.from(seed)), inboxPrefix: `_INBOX_${user}` });
  }

  /** Tokens are good for a quarter of an hour. */
  async logIn(): Promise<void> {
    const body = { username: 'admin', password: this.credentials.adminPassword };
    this.token = (await this.ask<{ access_token: string }>('auth.login', body)).access_token;
  }

  /** @throws Error when it is refused */
  async ask<T>(subject: string, body: unknown, key?: string): Promise<T> {
    const sent = headers();
    if (this.token) sent.set('Authorization', `Bearer ${this.token}`);
    if (key !== undefined) sent.set('Idempotency-Key', key);
    const answer = await this.bus.request(subject, JSON.stringify(body), { timeout: ANSWER_MS, headers: sent });
    if (answer.headers?.has('Nats-Service-Error-Code')) throw new Error(`${subject}: ${answer.string()}`);
    return answer.json<T>();
  }

  /** @throws Error when it is refused */
  async http<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${this.services.gateway.url}/api/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${this.token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${text}`);
    return JSON.parse(text) as T;
  }

  async makeInventory(machines: number): Promise<Inventory> {
    const image = await this.ask<{ id: string }>('images.create', { name: 'bench', file: 'bench.img', read_only: true });
    const ids: string[] = [];
    for (let at = 0; at < machines; at++) {
      const mac = at.toString(16).padStart(10, '0').match(/../g)!.join(':');
      ids.push((await this.ask<{ id: string }>('machines.create', { name: `bench-${at}`, mac_address: `52:${mac}` })).id);
    }
    return { machines: ids, image: image.id };
  }
}

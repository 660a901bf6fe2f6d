import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RequestStrategy, connect, headers, type NatsConnection } from 'nats';
import { startNats, startPostgres, type RunningNats, type RunningPostgres, type ServiceProcess } from '#embedded';
import { keepCredentials, type Credentials } from '../../apps/all-in-one/src/credentials';
import { startServices, type RunningService, type ServiceName } from '../../apps/all-in-one/src/start-services';

const quiet = () => undefined;
/** One client asks everything: the limits that slow guessing down are not what is looked at. */
const SETTINGS = { LOGIN_RATE_PER_MINUTE: '100000', MAX_EVENT_STREAMS: '1000' };

export interface Answer {
  status: number;
  body: Record<string, unknown>;
}

/** Both doors of a Spindle that has no storage node. */
export interface World {
  credentials: Credentials;
  postgres: RunningPostgres;
  nats: RunningNats;
  services: Record<ServiceName, RunningService>;
  /** Folder of a log file for each service. */
  logs: string;
  /** As an orchestrator. */
  bus: NatsConnection;
  http: (method: string, path: string, body: object | undefined, authorization: string | undefined) => Promise<Answer>;
  ask: (subject: string, body: object, authorization: string | undefined) => Promise<Answer>;
  /** What the services that run have registered, by the NATS services API. */
  subjects: () => Promise<string[]>;
  stop: () => Promise<void>;
}

/** The three services as processes, on a Postgres and a NATS of their own. */
export const startWorld = async (more: Record<string, string> = {}, logLevel = 'warn'): Promise<World> => {
  const dataDir = mkdtempSync(join(tmpdir(), 'spindle-roles-'));
  const credentials = keepCredentials(dataDir);
  const leaving: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const leave of leaving.reverse()) await leave().catch(quiet);
    rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    const postgres = await startPostgres({ dataDir: join(dataDir, 'postgres'), durable: false, log: quiet });
    leaving.push(() => postgres.stop());
    const nats = await startNats({ dataDir: join(dataDir, 'nats'), who: credentials.bus, log: quiet });
    leaving.push(() => nats.stop());
    const started = (service: ServiceProcess) => leaving.push(() => service.stop());
    const options = { dataDir, usualPorts: false, settings: { ...SETTINGS, ...more }, logLevel, say: quiet };
    const services = await startServices(options, { postgres, nats }, credentials, started);
    const bus = await connect({ servers: nats.url, user: credentials.natsUser, pass: credentials.natsPassword });
    leaving.push(() => bus.close());
    return {
      credentials,
      postgres,
      nats,
      services,
      logs: join(dataDir, 'logs'),
      bus,
      http: askHttp(services.gateway.url),
      ask: askNats(bus),
      subjects: () => registeredSubjects(bus),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};

const askHttp =
  (url: string): World['http'] =>
  async (method, path, body, authorization) => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { ...(body ? { 'content-type': 'application/json' } : {}), ...(authorization ? { authorization } : {}) },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(20_000),
    });
    // An event stream has no end to wait for.
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    if (!isJson) await response.body?.cancel();
    return { status: response.status, body: isJson ? ((await response.json()) as Answer['body']) : {} };
  };

const askNats =
  (bus: NatsConnection): World['ask'] =>
  async (subject, body, authorization) => {
    const sent = headers();
    if (authorization) sent.set('Authorization', authorization);
    const answer = await bus.request(subject, JSON.stringify(body), { timeout: 20_000, headers: sent });
    return { status: Number(answer.headers?.get('Nats-Service-Error-Code') || 200), body: answer.json() };
  };

const registeredSubjects = async (bus: NatsConnection): Promise<string[]> => {
  const client = bus.services.client({ strategy: RequestStrategy.Timer, maxWait: 1_000 });
  const subjects: string[] = [];
  for (const name of ['targets-service', 'audit-service'])
    for await (const { endpoints } of await client.info(name)) subjects.push(...(endpoints ?? []).map(({ subject }) => subject));
  return subjects.sort();
};

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  PortTaken,
  claimPort,
  projectRoot,
  provisionDatabase,
  serviceProcess,
  startNats,
  startPostgres,
  startStorageLab,
  type RunningNats,
  type RunningPostgres,
  type ServiceProcess,
  type StorageLab,
} from '#embedded';
import { keepCredentials, type Credentials } from './credentials';

export interface SpindleOptions {
  dataDir: string;
  httpPort?: number;
  natsPort?: number;
  portalPort?: number;
  logLevel?: string;
  /** Added to the settings of every service, and of the executor. */
  settings?: Record<string, string>;
  /** False for tests: Postgres does not wait for the disk. */
  durable?: boolean;
  say: (line: string) => void;
}

/** What clients need to find their way in; `endpoints.json` in the data folder. */
export interface Endpoints {
  http_url: string;
  nats_url: string;
  nats_user: string;
  nats_password: string;
  username: string;
  password: string;
  portal: { host: string; port: number };
  image_root: string;
  node_id: string;
  lab_pid: number;
  database_url: string;
  health_urls: Record<string, string>;
}

/** A whole Spindle on loopback: servers, storage node and services, each to be stopped, killed and started again. */
export interface Spindle {
  endpoints: Endpoints;
  credentials: Credentials;
  postgres: RunningPostgres;
  nats: RunningNats;
  lab: StorageLab;
  services: Record<'targets-service' | 'audit-service' | 'gateway', ServiceProcess>;
  /** Kills a server as a crash does, and starts it on the same port. */
  restartPostgres(downMs?: number): Promise<void>;
  restartNats(downMs?: number): Promise<void>;
  /** Cuts the power of the storage node and boots it on the same disks. */
  rebootLab(): Promise<void>;
  stop(): Promise<void>;
}

export const NODE_ID = 'lab-1';

const root = projectRoot();
const entry = (app: string) => join(root, `dist/apps/${app}/src/main.js`);

/**
 * Starts everything and resolves when every part says that it is ready.
 * @throws PortTaken for a port that was named; Error with the end of a part's log when it does not come up. Nothing is left running.
 */
export const startSpindle = async (options: SpindleOptions): Promise<Spindle> => {
  const { say } = options;
  const started: { stop: () => Promise<unknown> }[] = [];
  const keep = <T extends { stop: () => Promise<unknown> }>(part: T): T => {
    started.push(part);
    return part;
  };
  const stop = async () => {
    for (const part of started.reverse()) await part.stop();
    started.length = 0;
  };
  try {
    return await startParts(options, keep, stop);
  } catch (error) {
    say('stopping what was started …');
    await stop();
    throw error;
  }
};

type Keep = <T extends { stop: () => Promise<unknown> }>(part: T) => T;

const startParts = async (options: SpindleOptions, keep: Keep, stop: () => Promise<void>): Promise<Spindle> => {
  const { dataDir, say, durable } = options;
  const imageRoot = join(dataDir, 'images');
  const logs = join(dataDir, 'logs');
  for (const folder of [imageRoot, logs]) mkdirSync(folder, { recursive: true });
  const credentials = keepCredentials(dataDir);
  const httpPort = await choosePort('gateway', 3000, options.httpPort);
  const natsPort = await choosePort('NATS', 4222, options.natsPort);
  const portalPort = await choosePort('iSCSI portal', 3260, options.portalPort);

  const startDatabase = (port?: number) => startPostgres({ dataDir: join(dataDir, 'postgres'), port, durable, log: say });
  const startBus = () =>
    startNats({ dataDir: join(dataDir, 'nats'), port: natsPort, user: credentials.natsUser, password: credentials.natsPassword, log: say });
  const startNode = () =>
    startStorageLab({
      dir: join(dataDir, 'lab'),
      imageRootHostDir: imageRoot,
      projectRoot: root,
      natsPort,
      portalPort,
      keepExecutorRunning: false,
      executorEnv: {
        NODE_ID,
        NATS_USER: credentials.natsUser,
        NATS_PASSWORD: credentials.natsPassword,
        LOG_LEVEL: options.logLevel ?? 'info',
        ...options.settings,
      },
      log: say,
    });
  const parts = {} as { postgres: RunningPostgres; nats: RunningNats; lab: StorageLab };
  keep({ stop: async () => parts.postgres?.stop() });
  keep({ stop: async () => parts.nats?.stop() });
  keep({ stop: async () => parts.lab?.stop() });
  parts.postgres = await startDatabase();
  parts.nats = await startBus();
  parts.lab = await startNode();

  const database = await provisionDatabase(parts.postgres.superuserUrl);
  const health = { targets: await claimPort('targets-service'), audit: await claimPort('audit-service') };
  const common = {
    NATS_URL: parts.nats.url,
    NATS_USER: credentials.natsUser,
    NATS_PASSWORD: credentials.natsPassword,
    AUTH_PUBLIC_KEY_FILE: credentials.publicKeyFile,
    LOG_LEVEL: options.logLevel ?? 'info',
    ...options.settings,
  };
  const service = (name: 'targets-service' | 'audit-service' | 'gateway', url: string, env: Record<string, string>) =>
    keep(
      serviceProcess({
        name,
        entry: entry(name),
        env: { ...common, ...env },
        logFile: join(logs, `${name}.log`),
        readyUrl: `${url}/readyz`,
      }),
    );
  const urls = {
    gateway: `http://127.0.0.1:${httpPort}`,
    'targets-service': `http://127.0.0.1:${health.targets}`,
    'audit-service': `http://127.0.0.1:${health.audit}`,
    'storage-node-executor': parts.lab.healthUrl,
  };
  const services = {
    'targets-service': service('targets-service', urls['targets-service'], {
      HEALTH_PORT: String(health.targets),
      DATABASE_URL: database.targets_app,
      MIGRATION_DATABASE_URL: database.targets_owner,
      AUTH_PRIVATE_KEY_FILE: credentials.privateKeyFile,
      ADMIN_PASSWORD_FILE: credentials.adminPasswordFile,
    }),
    'audit-service': service('audit-service', urls['audit-service'], {
      HEALTH_PORT: String(health.audit),
      DATABASE_URL: database.audit_app,
      MIGRATION_DATABASE_URL: database.audit_owner,
    }),
    gateway: service('gateway', urls.gateway, { HTTP_PORT: String(httpPort) }),
  };
  const [executorPid] = await Promise.all([parts.lab.startExecutor(), ...Object.values(services).map((part) => part.start())]);
  await untilReady('storage-node-executor', `${parts.lab.healthUrl}/readyz`);
  say(
    `services: ${[...Object.values(services).map((part) => `${part.name} ${part.pid}`), `storage-node-executor ${executorPid} (in the lab)`].join(', ')}`,
  );

  const endpoints: Endpoints = {
    http_url: urls.gateway,
    nats_url: parts.nats.url,
    nats_user: credentials.natsUser,
    nats_password: credentials.natsPassword,
    username: 'admin',
    password: credentials.adminPassword,
    portal: parts.lab.portal,
    image_root: imageRoot,
    node_id: NODE_ID,
    lab_pid: parts.lab.pid,
    database_url: databaseUrl(parts.postgres),
    health_urls: urls,
  };
  const writeEndpoints = () => writeFileSync(join(dataDir, 'endpoints.json'), `${JSON.stringify(endpoints, null, 2)}\n`, { mode: 0o600 });
  writeEndpoints();
  return {
    endpoints,
    credentials,
    get postgres() {
      return parts.postgres;
    },
    get nats() {
      return parts.nats;
    },
    get lab() {
      return parts.lab;
    },
    services,
    restartPostgres: async (downMs = 0) => {
      const { port } = parts.postgres;
      await parts.postgres.kill();
      await new Promise((done) => setTimeout(done, downMs));
      parts.postgres = await startDatabase(port);
    },
    restartNats: async (downMs = 0) => {
      await parts.nats.kill();
      await new Promise((done) => setTimeout(done, downMs));
      parts.nats = await startBus();
    },
    rebootLab: async () => {
      await parts.lab.powerCut();
      parts.lab = await startNode();
      await parts.lab.startExecutor();
      Object.assign(endpoints, { lab_pid: parts.lab.pid });
      Object.assign(endpoints.health_urls, { 'storage-node-executor': parts.lab.healthUrl });
      writeEndpoints();
    },
    stop,
  };
};

const databaseUrl = (postgres: RunningPostgres): string => postgres.superuserUrl.replace(/\/postgres$/, '/spindle');

/** A named port must be free; a usual one is left to whoever has it. */
const choosePort = async (purpose: string, usual: number, named: number | undefined): Promise<number> => {
  if (named !== undefined) return claimPort(purpose, named);
  try {
    return await claimPort(purpose, usual);
  } catch (error) {
    if (error instanceof PortTaken) return claimPort(purpose);
    throw error;
  }
};

const untilReady = async (name: string, url: string): Promise<void> => {
  const until = Date.now() + 60_000;
  while (Date.now() < until) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(3_000) }).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`${name} was not ready within 60 s`);
};

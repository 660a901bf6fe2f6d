import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { claimPort, type RunningNats, type RunningPostgres, type ServiceProcess, type StorageLab } from '#embedded';
import { keepCredentials, type Credentials } from './credentials';
import { NODE_ID, Servers } from './start-servers';
import { startServices, type RunningService, type ServiceName } from './start-services';

export interface SpindleOptions {
  dataDir: string;
  httpPort?: number;
  natsPort?: number;
  portalPort?: number;
  /** Default true: what a person expects to find on 3000, 4222 and 3260 is there when these are free. Two that start at once meet there. */
  usualPorts?: boolean;
  logLevel?: string;
  /** Added to the settings of every service, and of the executor. */
  settings?: Record<string, string>;
  /** Where the storage node has its disks and the images are; by default in the data folder. What is there outlives that folder. */
  nodeDir?: string;
  /** A storage node that runs already, of a Spindle before this one with the same keys and port of NATS. */
  lab?: StorageLab;
  /** NODE_IDs of further storage nodes that may connect. */
  moreNodes?: string[];
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
  readonly endpoints: Endpoints;
  readonly credentials: Credentials;
  readonly postgres: RunningPostgres;
  readonly nats: RunningNats;
  readonly lab: StorageLab;
  readonly services: Record<ServiceName, ServiceProcess>;
  /** Kills a server as a crash does, and starts it on the same port. */
  restartPostgres(downMs?: number): Promise<void>;
  restartNats(downMs?: number): Promise<void>;
  /** Cuts the power of the storage node and boots it on the same disks. */
  rebootLab(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts everything and resolves when every part says that it is ready.
 * @throws PortTaken for a port that was named; Error with the end of a part's log when it does not come up. Nothing is left running.
 */
export const startSpindle = async (options: SpindleOptions): Promise<Spindle> => {
  await mustBeFree(options);
  const credentials = keepCredentials(options.dataDir, [NODE_ID, ...(options.moreNodes ?? [])]);
  const servers = new Servers(options, credentials);
  const processes: ServiceProcess[] = [];
  const stop = async () => {
    await Promise.all(processes.map((service) => service.stop()));
    await servers.stop();
  };
  try {
    await servers.start();
    const executor = servers.lab.executorIsRunning() ? Promise.resolve('as before') : servers.lab.startExecutor();
    executor.catch(() => undefined); // looked at below, unless something else failed first
    const services = await startServices(options, servers, credentials, (service) => processes.push(service));
    const executorPid = await executor;
    await untilReady('storage-node-executor', `${servers.lab.healthUrl}/readyz`);
    const names = Object.values(services).map(({ process }) => `${process.name} ${process.pid}`);
    options.say(`services: ${[...names, `storage-node-executor ${executorPid} (in the lab)`].join(', ')}`);
    return spindleOf(options.dataDir, credentials, servers, services, stop);
  } catch (error) {
    options.say('stopping what was started …');
    await stop();
    throw error;
  }
};

/** Before anything is started: the error should not take half a minute. */
const mustBeFree = async ({ httpPort, natsPort, portalPort }: SpindleOptions): Promise<void> => {
  for (const [purpose, port] of Object.entries({ gateway: httpPort, NATS: natsPort, 'iSCSI portal': portalPort }))
    if (port !== undefined) await claimPort(purpose, port);
};

const spindleOf = (
  dataDir: string,
  credentials: Credentials,
  servers: Servers,
  services: Record<ServiceName, RunningService>,
  stop: () => Promise<void>,
): Spindle => {
  const endpoints = endpointsOf(credentials, servers, services);
  const keepEndpoints = () => writeFileSync(join(dataDir, 'endpoints.json'), `${JSON.stringify(endpoints, null, 2)}\n`, { mode: 0o600 });
  keepEndpoints();
  return {
    endpoints,
    credentials,
    get postgres() {
      return servers.postgres;
    },
    get nats() {
      return servers.nats;
    },
    get lab() {
      return servers.lab;
    },
    services: {
      'targets-service': services['targets-service'].process,
      'audit-service': services['audit-service'].process,
      gateway: services.gateway.process,
    },
    restartPostgres: (downMs) => servers.restartPostgres(downMs),
    restartNats: (downMs) => servers.restartNats(downMs),
    rebootLab: async () => {
      await servers.rebootLab();
      Object.assign(endpoints, endpointsOf(credentials, servers, services));
      keepEndpoints();
    },
    stop,
  };
};

const endpointsOf = (credentials: Credentials, servers: Servers, services: Record<ServiceName, RunningService>): Endpoints => ({
  http_url: services.gateway.url,
  nats_url: servers.nats.url,
  nats_user: credentials.natsUser,
  nats_password: credentials.natsPassword,
  username: 'admin',
  password: credentials.adminPassword,
  portal: servers.lab.portal,
  image_root: servers.imageRoot,
  node_id: NODE_ID,
  lab_pid: servers.lab.pid,
  database_url: servers.postgres.superuserUrl.replace(/\/postgres$/, '/spindle'),
  health_urls: {
    gateway: services.gateway.url,
    'targets-service': services['targets-service'].url,
    'audit-service': services['audit-service'].url,
    'storage-node-executor': servers.lab.healthUrl,
  },
});

const untilReady = async (name: string, url: string): Promise<void> => {
  const until = Date.now() + 60_000;
  while (Date.now() < until) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(3_000) }).catch(() => undefined);
    if (answer?.ok) return;
    await sleep(100);
  }
  throw new Error(`${name} was not ready within 60 s`);
};

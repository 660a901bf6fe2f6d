import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot, provisionDatabase, serviceProcess, type ServiceProcess } from '#embedded';
import { startOnPort, type PortChoice } from './choose-port';
import type { Credentials } from './credentials';
import type { SpindleOptions } from './start-spindle';
import type { Servers } from './start-servers';

export type ServiceName = 'targets-service' | 'audit-service' | 'gateway';

const BUS_USER: Record<ServiceName, string> = { 'targets-service': 'targets', 'audit-service': 'audit', gateway: 'gateway' };

export interface RunningService {
  process: ServiceProcess;
  url: string;
}

/** What each service is told besides its port; nothing of our own environment reaches it. */
const settingsOf = async (
  servers: Servers,
  credentials: Credentials,
  dataDir: string,
): Promise<Record<ServiceName, Record<string, string>>> => {
  const database = await provisionDatabase(servers.postgres.superuserUrl);
  return {
    'targets-service': {
      DATABASE_URL: database.targets_app,
      MIGRATION_DATABASE_URL: database.targets_owner,
      AUTH_PRIVATE_KEY_FILE: credentials.privateKeyFile,
      ADMIN_PASSWORD_FILE: credentials.adminPasswordFile,
      SECRETS_KEY_FILE: credentials.secretsKeyFile,
    },
    'audit-service': {
      DATABASE_URL: database.audit_app,
      MIGRATION_DATABASE_URL: database.audit_owner,
      AUDIT_SIGNING_KEY_FILE: credentials.auditKeyFile,
      AUDIT_CHECKPOINT_FILE: join(dataDir, 'audit-checkpoints.txt'),
    },
    gateway: {},
  };
};

/**
 * Starts the three services that are processes of this machine, and resolves when each can do its work.
 * @param started called for each as soon as it runs, so that it can be stopped when another does not come up
 */
export const startServices = async (
  options: SpindleOptions,
  servers: Servers,
  credentials: Credentials,
  started: (service: ServiceProcess) => void,
): Promise<Record<ServiceName, RunningService>> => {
  const logs = join(options.dataDir, 'logs');
  mkdirSync(logs, { recursive: true });
  const own = await settingsOf(servers, credentials, options.dataDir);
  const common = {
    NATS_URL: servers.nats.url,
    AUTH_PUBLIC_KEY_FILE: credentials.publicKeyFile,
    LOG_LEVEL: options.logLevel ?? 'info',
    ...options.settings,
  };
  const start = (name: ServiceName, choice: PortChoice, portSetting: string) =>
    startOnPort(choice, async (port): Promise<RunningService> => {
      const url = `http://127.0.0.1:${port}`;
      const process = serviceProcess({
        name,
        entry: join(projectRoot(), `dist/apps/${name}/src/main.js`),
        env: { ...common, ...own[name], NATS_NKEY_SEED_FILE: credentials.bus.seedFile(BUS_USER[name]), [portSetting]: String(port) },
        logFile: join(logs, `${name}.log`),
        readyUrl: `${url}/readyz`,
      });
      started(process);
      await process.start();
      return { process, url };
    });
  const [targets, audit, gateway] = await Promise.all([
    start('targets-service', { purpose: 'targets-service' }, 'HEALTH_PORT'),
    start('audit-service', { purpose: 'audit-service' }, 'HEALTH_PORT'),
    start('gateway', { purpose: 'gateway', usual: options.usualPorts === false ? undefined : 3000, named: options.httpPort }, 'HTTP_PORT'),
  ]);
  return { 'targets-service': targets, 'audit-service': audit, gateway };
};

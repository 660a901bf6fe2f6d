import { randomUUID } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, realpathSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnGuarded } from './child-guard';
import { natsConfiguration, type NatsConfiguration, type NatsTls } from './nats-configuration';
import { claimPort, PortTaken } from './ports';
import { findProgram, missingPrerequisites, PrerequisitesMissing } from './prerequisites';
import { writePrivately } from './private-file';
import { endStaleProcess, recordProcess } from './process-record';
import { giveTree, ourselves, unprivilegedOwner } from './unprivileged';

export type NatsOptions = {
  /** Holds the streams, the configuration and the server's log. */
  dataDir: string;
  port?: number;
  /** Everybody who may connect (`openBusFolder`), or one user who may everything, for tests of one part. */
  who?: NatsConfiguration['who'];
  user?: string;
  password?: string;
  tls?: NatsTls;
  /** Also serve the server's own HTTP statistics, on a free port of loopback. */
  monitoring?: boolean;
  log: (line: string) => void;
};

export type RunningNats = {
  port: number;
  pid: number;
  /** Without user and password. */
  url: string;
  monitoringUrl: string | undefined;
  version: string;
  stop(): Promise<void>;
  /** SIGKILL, as a crash. Start again on the same folder and port: the streams are there. */
  kill(): Promise<void>;
};

type Settings = { serverName: string; port: number; monitoringPort: number | undefined; storeDir: string; version: string };

const startLimitMs = 15_000;
const stopGraceMs = 5_000;
const purpose = 'embedded NATS server';

/**
 * Starts nats-server with JetStream (NATS_SERVER_BIN, PATH, or the system's own folders).
 *
 * @throws PrerequisitesMissing; PortTaken for a named port; Error with the end of the server's log when it does not come up.
 */
export async function startNats(options: NatsOptions): Promise<RunningNats> {
  const program = process.env['NATS_SERVER_BIN'] ?? findProgram('nats-server');
  if (program === undefined) throw new PrerequisitesMissing(missingPrerequisites(['nats']));
  const version = versionOf(program);
  mkdirSync(options.dataDir, { recursive: true });
  const dataDir = realpathSync(options.dataDir);
  await endStaleProcess(dataDir);
  for (let attempt = 1; ; attempt++) {
    try {
      return await launch(program, version, { ...options, dataDir });
    } catch (error) {
      if (!(error instanceof PortTaken) || options.port !== undefined || attempt === 3) throw error;
    }
  }
}

async function launch(program: string, version: string, options: NatsOptions): Promise<RunningNats> {
  const { dataDir } = options;
  const port = await claimPort(purpose, options.port);
  const monitoringPort = options.monitoring ? await claimPort(`${purpose}'s statistics`) : undefined;
  // of this start alone: whoever answers on the port with another name is not ours
  const serverName = `spindle-${randomUUID()}`;
  const storeDir = join(dataDir, 'jetstream');
  mkdirSync(storeDir, { recursive: true });
  chmodSync(dataDir, 0o711);
  const owner = unprivilegedOwner([program], [dataDir]);
  giveTree(storeDir, owner ?? ourselves());
  const configuration = join(dataDir, 'nats.conf');
  writePrivately(configuration, configurationOf({ serverName, port, monitoringPort, storeDir, version }, options), owner);

  const started = Date.now();
  const logPath = join(dataDir, 'nats.log');
  const log = openSync(logPath, 'a', 0o600);
  const server = spawnGuarded(program, ['-c', configuration], {
    ...owner,
    cwd: dataDir,
    env: { PATH: process.env['PATH'] },
    stdio: [log, log],
  });
  closeSync(log);
  recordProcess(dataDir, server.pid);
  while ((await serverNameAt(port)) !== serverName) {
    if (!server.hasEnded() && Date.now() - started < startLimitMs) {
      await sleep(20);
      continue;
    }
    await server.kill();
    await claimPort(purpose, port); // lost to somebody else since we looked: that is the reason
    throw new Error(
      `nats-server did not start. The end of its log:\n${readFileSync(logPath, 'utf8').trim().split('\n').slice(-10).join('\n')}`,
    );
  }
  options.log(`nats: version ${version} ready after ${Date.now() - started} ms on port ${port}, process ${server.pid}`);
  return {
    port,
    pid: server.pid,
    url: `nats://127.0.0.1:${port}`,
    monitoringUrl: monitoringPort === undefined ? undefined : `http://127.0.0.1:${monitoringPort}`,
    version,
    stop: async () => void (await server.stop('SIGTERM', stopGraceMs)),
    kill: async () => void (await server.kill()),
  };
}

function configurationOf({ serverName, port, monitoringPort, storeDir, version }: Settings, options: NatsOptions): string {
  const { user = '', password = '', who = { user, password }, tls } = options;
  return natsConfiguration({
    serverName,
    listen: `127.0.0.1:${port}`,
    monitoring: monitoringPort === undefined ? undefined : `127.0.0.1:${monitoringPort}`,
    storeDir,
    syncAlways: isAtLeast(version, 2, 10),
    tls,
    who,
  });
}

function versionOf(program: string): string {
  const { stdout, error } = spawnSync(program, ['--version'], { encoding: 'utf8', timeout: 10_000 });
  const version = /v?(\d+\.\d+\.\d+)/.exec(stdout ?? '')?.[1];
  if (version === undefined)
    throw new Error(`${program} does not say its version (${error?.message ?? stdout.trim()}): is it nats-server?`);
  return version;
}

function isAtLeast(version: string, major: number, minor: number): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split('.').map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}

/** A NATS server greets with its name. It listens only after its streams are recovered. */
function serverNameAt(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connectTcp(port, '127.0.0.1');
    let greeting = '';
    const settle = (): void => {
      resolve(/"server_name":"([^"]*)"/.exec(greeting)?.[1]);
      socket.destroy();
    };
    socket.setTimeout(1000, settle);
    socket.on('error', settle).on('end', settle);
    socket.on('data', (chunk) => {
      greeting += chunk.toString();
      if (greeting.includes('\r\n')) settle();
    });
  });
}

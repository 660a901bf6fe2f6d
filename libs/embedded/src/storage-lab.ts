import { closeSync, mkdirSync, openSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnGuarded, type GuardedChild } from './child-guard';
import { defaultExecutorEnvironment, ExecutorInLab, type ExecutorPart } from './lab-executor';
import { controlFolder, giveImages, prepareFolders } from './lab-folders';
import { kernelLine, memoryFolder, quietestCpu } from './lab-kernel';
import { endStaleProcess, groupListensOn, listeningSocket, recordProcess } from './process-record';
import { LabShell, type ScriptResult } from './lab-shell';
import { claimPort, PortTaken } from './ports';
import { findProgram, missingPrerequisites, PrerequisitesMissing } from './prerequisites';
import type { Owner } from './unprivileged';
import { wideRegistersLibrary } from './wide-registers';

export type StorageLabOptions = {
  /** Holds the lab's logs and what survives a reboot of it. One lab per folder. No spaces or commas in its path. */
  dir: string;
  /** /data/images in the lab. Its files must be the lab's to write: see `ownImages`. */
  imageRootHostDir: string;
  projectRoot: string;
  /** Added to, and stronger than, the defaults that fit the lab (addresses, folders). May hold secrets. */
  executorEnv?: Record<string, string>;
  /** The executor's key on NATS: the lab gets the file's contents in a folder of its own. */
  natsSeedFile?: string;
  /** Makes NATS_URL this port of the host's loopback. */
  natsPort?: number;
  portalPort?: number;
  healthPort?: number;
  /** Default: the allowed CPU with the fewest labs. */
  cpu?: number;
  /** Default 1024. Only what the lab uses is taken. */
  memMb?: number;
  autostartExecutor?: boolean;
  /** Starts a part of the executor again one second after it ended by itself. Default false: a test wants to see it dead. */
  keepExecutorRunning?: boolean;
  log: (line: string) => void;
};

export type StorageLab = {
  pid: number;
  portal: { host: string; port: number };
  healthUrl: string;
  bootMs: number;
  /** Runs a shell script as root in the lab; several at a time are fine. Default limit 30,000 ms. */
  exec(script: string, options?: { timeoutMs?: number }): Promise<ScriptResult>;
  /** Starts what of it does not run. Resolves with the root part's process id in the lab: it is ready when its health port says so. */
  startExecutor(env?: Record<string, string>): Promise<number>;
  /** SIGTERM, and SIGKILL to its process group after 5 s, to one part after the other. */
  stopExecutor(): Promise<void>;
  /** To its processes alone: a targetcli that it has started lives on, as after a real crash. Default SIGKILL, to both parts. */
  killExecutor(signal?: NodeJS.Signals, parts?: ExecutorPart[]): Promise<void>;
  /** Both parts. */
  executorIsRunning(): boolean;
  /** Makes files that came into the image folder after the start writable for the lab, which does not run as root. */
  ownImages(): void;
  /** SIGKILL to everything: what the lab had not flushed is lost. Boot again by `startStorageLab` on the same folder. */
  powerCut(): Promise<void>;
  stop(): Promise<void>;
};

type Folders = { dir: string; imageRootHostDir: string; projectRoot: string };

const portalPurpose = 'iSCSI portal of the storage lab';
const healthPurpose = 'health port of the storage executor';
const bootLimitMs = 60_000;
const scriptLimitMs = 30_000;

/**
 * Boots a Linux kernel with the real LIO target as an ordinary process: Spindle's embedded storage node.
 *
 * @throws PrerequisitesMissing; PortTaken for a named port; Error with the end of the console when it is not up within a minute.
 */
export async function startStorageLab(options: StorageLabOptions): Promise<StorageLab> {
  const missing = missingPrerequisites(['storage-lab']);
  if (missing.length > 0) throw new PrerequisitesMissing(missing);
  mkdirSync(options.dir, { recursive: true });
  mkdirSync(options.imageRootHostDir, { recursive: true });
  const folders: Folders = {
    dir: realpathSync(options.dir),
    imageRootHostDir: realpathSync(options.imageRootHostDir),
    projectRoot: realpathSync(options.projectRoot),
  };
  await endStaleProcess(folders.dir);
  const owner = prepareFolders(folders, options.log);

  const named = options.portalPort !== undefined || options.healthPort !== undefined;
  for (let attempt = 1; ; attempt++) {
    try {
      return await boot(options, folders, owner);
    } catch (error) {
      // A free port can be lost between the look and the kernel's own bind, some hundred milliseconds later.
      if (!(error instanceof PortTaken) || named || attempt === 3) throw error;
    }
  }
}

async function boot(options: StorageLabOptions, folders: Folders, owner: Owner | undefined): Promise<StorageLab> {
  const { dir, projectRoot } = folders;
  const portalPort = await claimPort(portalPurpose, options.portalPort);
  const healthPort = await claimPort(healthPurpose, options.healthPort);
  const cpu = options.cpu ?? quietestCpu();
  const memMb = options.memMb ?? 1024;
  const init = join(projectRoot, 'libs/embedded/lab/init.sh');

  const started = Date.now();
  const console = openLog(dir);
  const kernel = spawnKernel({ dir, projectRoot, owner, cpu, memMb, line: kernelLine({ dir, init, memMb, portalPort, healthPort }) });
  recordProcess(dir, kernel.pid);
  const shell = new LabShell(kernel.process.stdio[3] as Duplex, controlFolder(dir), owner);
  const stopped = kernel.ended.then(() => shell.close(new Error('the storage lab has ended')));
  const end = async (): Promise<void> => {
    const ours = [portalPort, healthPort]
      .filter((port) => groupListensOn(kernel.pid, port))
      .map((port) => ({ port, socket: listeningSocket(port) }));
    await kernel.kill();
    await stopped;
    // vde_plug dies by itself and holds the ports until then. (Not "until the group is empty": zombies may stay in it.) A port that
    // somebody else took while we booted may stay in use for ever.
    for (const { port, socket } of ours) while (socket && listeningSocket(port) === socket) await sleep(10);
  };
  try {
    await bootedInTime(kernel, shell);
    await mustForward(kernel.pid, portalPort, portalPurpose);
    await mustForward(kernel.pid, healthPort, healthPurpose);
  } catch (error) {
    await end();
    if (error instanceof PortTaken) throw error;
    throw new Error(`The storage lab did not start: ${(error as Error).message}. The end of its console:\n${console.tail()}`, {
      cause: error,
    });
  }
  const bootMs = Date.now() - started;
  options.log(`storage lab: ready after ${bootMs} ms, process ${kernel.pid} on CPU ${cpu}, portal 127.0.0.1:${portalPort}`);

  const environment = { ...defaultExecutorEnvironment(portalPort, options.natsPort), ...options.executorEnv };
  const executor = new ExecutorInLab(shell, { dir, projectRoot, owner, environment, natsSeedFile: options.natsSeedFile, log: options.log });
  if (options.keepExecutorRunning) executor.keepRunning();
  if (options.autostartExecutor) await executor.start();
  return {
    pid: kernel.pid,
    portal: { host: '127.0.0.1', port: portalPort },
    healthUrl: `http://127.0.0.1:${healthPort}`,
    bootMs,
    exec: (script, { timeoutMs = scriptLimitMs } = {}) => shell.run(script, timeoutMs),
    startExecutor: (env) => executor.start(env),
    stopExecutor: () => executor.stop(),
    killExecutor: (signal = 'SIGKILL', parts) => executor.kill(signal, parts),
    executorIsRunning: () => executor.isRunning(),
    ownImages: () => giveImages(folders.imageRootHostDir, owner),
    powerCut: end,
    stop: async () => {
      if (!kernel.hasEnded()) {
        await executor.stop().catch(() => undefined);
        await shell.run('sync', 5_000).catch(() => undefined); // a hung lab is killed all the same
      }
      await end();
    },
  };
}

type Kernel = { dir: string; projectRoot: string; owner: Owner | undefined; cpu: number; memMb: number; line: string[] };

function spawnKernel({ dir, projectRoot, owner, cpu, memMb, line }: Kernel): GuardedChild {
  const preloaded = wideRegistersLibrary(dir, projectRoot);
  const consoleLog = openSync(join(dir, 'console.log'), 'a');
  const executorLog = openSync(join(dir, 'executor.log'), 'a');
  try {
    return spawnGuarded('taskset', ['-c', String(cpu), findProgram('linux.uml') ?? 'linux.uml', ...line], {
      ...owner,
      cwd: dir,
      // Nothing of our environment: every variable would be the init's, too.
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: dir, TMPDIR: memoryFolder(dir, memMb), LD_PRELOAD: preloaded },
      stdio: [consoleLog, consoleLog, 'pipe', executorLog],
    });
  } finally {
    closeSync(consoleLog);
    closeSync(executorLog);
  }
}

async function bootedInTime(kernel: GuardedChild, shell: LabShell): Promise<void> {
  const watch = new AbortController();
  const tooLate = sleep(bootLimitMs, undefined, { signal: watch.signal, ref: false }).then(() => {
    throw new Error(`it was not up after ${bootLimitMs / 1000} s`);
  });
  const ended = kernel.ended.then(({ code, signal }) => {
    throw new Error(`its kernel ended (${signal ?? `exit code ${code}`})`);
  });
  try {
    await Promise.race([shell.ready, tooLate, ended]);
  } finally {
    watch.abort();
    tooLate.catch(() => undefined);
    ended.catch(() => undefined);
  }
}

/** vde_plug goes on without a forward that it could not bind, so we look. */
async function mustForward(group: number, port: number, purpose: string): Promise<void> {
  if (groupListensOn(group, port)) return;
  await claimPort(purpose, port);
  throw new Error(`nothing in it listens on port ${port}, the ${purpose}, though that is free`);
}

/** Every boot appends to one console log; `tail` shows the end of this boot's part. */
function openLog(dir: string): { tail: () => string } {
  const path = join(dir, 'console.log');
  closeSync(openSync(path, 'a', 0o600));
  const start = statSync(path).size;
  return { tail: () => readFileSync(path).subarray(start).toString().trim().split('\n').slice(-25).join('\n') };
}

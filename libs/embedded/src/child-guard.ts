import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';

/** How a guarded child is started. `stdio` is for descriptors 1 and up; descriptor 0 belongs to the guard. */
export type GuardedOptions = {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  uid?: number;
  gid?: number;
  stdio?: ('ignore' | 'inherit' | 'pipe' | number)[];
};

export type Ending = { code: number | null; signal: NodeJS.Signals | null };

export type GuardedChild = {
  /** Also the id of the child's process group and session. */
  pid: number;
  process: ChildProcess;
  ended: Promise<Ending>;
  hasEnded(): boolean;
  /** Signals the child alone, for an orderly stop. */
  signal(signal: NodeJS.Signals): void;
  /** SIGKILL to the whole group; resolves when the child is gone. */
  kill(): Promise<Ending>;
  /** `signal`, then SIGKILL to the group after `graceMs`. */
  stop(signal: NodeJS.Signals, graceMs: number): Promise<Ending>;
};

// Reads the group's id, then waits. End of file means that the starter is gone, however it went: then the group goes too.
const guardScript = `trap '' INT HUP TERM QUIT
read -r group || exit 0
read -r last
[ "$last" = released ] || kill -KILL -"$group"`;

// The child runs only after the guard knows its id, so there is no moment in which a killed starter leaves it behind.
const startScript = `limit=$(ulimit -Hn); [ "$limit" = unlimited ] && limit=65536
ulimit -n "$limit"
read -r go && exec "$@"`;

/**
 * Starts a process that ends with this one, even when this one is killed with SIGKILL. It leads a session of its own, so a Ctrl-C in
 * the terminal reaches only us and we stop it in order. (A parent-death signal would not do: it spares the grandchildren.)
 */
export function spawnGuarded(command: string, args: string[], options: GuardedOptions = {}): GuardedChild {
  const guard = spawn('/bin/sh', ['-c', guardScript], { cwd: '/', detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  const { stdio = ['ignore', 'ignore'], ...rest } = options;
  const stdioOptions: StdioOptions = ['pipe', ...stdio];
  const child = spawn('/bin/sh', ['-c', startScript, 'sh', command, ...args], { ...rest, detached: true, stdio: stdioOptions });
  const { pid } = child;
  const lifeline = guard.stdin;
  const go = child.stdin;
  if (pid === undefined || !lifeline || !go) {
    lifeline?.end('0\nreleased\n');
    throw new Error(`${command} could not be started`);
  }
  lifeline.on('error', () => undefined); // the guard ended first: nothing is left to tell it
  go.on('error', () => undefined); // the child ended at once; `ended` reports it
  guard.unref();
  lifeline.write(`${pid}\n`);
  go.end('go\n');

  let over = false;
  const killGroup = (): void => signalTo(-pid, 'SIGKILL');
  const ended = new Promise<Ending>((resolve) => {
    child.once('error', () => undefined);
    child.once('exit', (code, signal) => {
      over = true;
      killGroup();
      lifeline.end('released\n');
      resolve({ code, signal });
    });
  });
  const kill = (): Promise<Ending> => {
    if (!over) killGroup();
    return ended;
  };
  const stop = async (signal: NodeJS.Signals, graceMs: number): Promise<Ending> => {
    if (over) return ended;
    signalTo(pid, signal);
    const late = setTimeout(killGroup, graceMs);
    return ended.finally(() => clearTimeout(late));
  };
  return { pid, process: child, ended, hasEnded: () => over, signal: (name) => over || signalTo(pid, name), kill, stop };
}

function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

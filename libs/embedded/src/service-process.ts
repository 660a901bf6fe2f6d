import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnGuarded, type GuardedChild } from './child-guard';

export type ServiceProcessOptions = {
  name: string;
  /** Compiled entry file. */
  entry: string;
  /** All of its environment besides PATH: nothing of ours leaks into it. */
  env: Record<string, string>;
  logFile: string;
  /** Where it answers 200 once it can do its work. */
  readyUrl: string;
};

/** One service of Spindle as a process of its own, which can be ended in any way and started again. */
export type ServiceProcess = {
  readonly name: string;
  readonly pid: number;
  /** Starts it and resolves when it is ready; `env` is added for this start only. */
  start(env?: Record<string, string>): Promise<void>;
  /** SIGTERM, and SIGKILL after 10 s. */
  stop(): Promise<void>;
  kill(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  isRunning(): boolean;
};

const startLimitMs = 30_000;
const stopGraceMs = 10_000;

export function serviceProcess({ name, entry, env, logFile, readyUrl }: ServiceProcessOptions): ServiceProcess {
  let child: GuardedChild | undefined;
  return {
    name,
    get pid() {
      return child?.pid ?? 0;
    },
    start: async (extra = {}) => {
      const log = openSync(logFile, 'a', 0o600);
      child = spawnGuarded(process.execPath, [entry], { env: { PATH: process.env['PATH'], ...env, ...extra }, stdio: [log, log] });
      closeSync(log);
      await becomesReady(name, child, readyUrl, logFile);
    },
    stop: async () => void (await child?.stop('SIGTERM', stopGraceMs)),
    kill: async () => void (await child?.kill()),
    signal: (signal) => child?.signal(signal),
    isRunning: () => child !== undefined && !child.hasEnded(),
  };
}

async function becomesReady(name: string, child: GuardedChild, url: string, logFile: string): Promise<void> {
  const until = Date.now() + startLimitMs;
  while (!child.hasEnded() && Date.now() < until) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
    if (answer?.ok) return;
    await sleep(50);
  }
  await child.kill();
  const end = readFileSync(logFile, 'utf8').trim().split('\n').slice(-10).join('\n');
  throw new Error(`${name} was not ready within ${startLimitMs / 1_000} s. The end of its log:\n${end}`);
}

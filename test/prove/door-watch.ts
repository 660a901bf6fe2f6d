import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RAW } from './hostile-text';
import type { World } from './role-world';

const LOOK_MS = 50;

/** What the services come to meanwhile: whether they live and answer, what memory they take, what they write into their logs. */
export class DoorWatch {
  private readonly pids: Record<string, number>;
  private readonly leaving = new AbortController();
  private looking: Promise<unknown> = Promise.resolve();
  slowestMs = 0;
  unanswered = 0;
  looks = 0;
  /** MB, by service, one value a call of `measure`. */
  readonly memory: Record<string, number[]> = {};

  constructor(private readonly world: World) {
    this.pids = Object.fromEntries(Object.entries(world.services).map(([name, { process }]) => [name, process.pid]));
  }

  /** Asks every service again and again whether its event loop turns. */
  start(): void {
    this.looking = Promise.all(Object.values(this.world.services).map(({ url }) => this.look(`${url}/healthz`)));
  }

  private async look(url: string): Promise<void> {
    for (; !this.leaving.signal.aborted; await sleep(LOOK_MS)) {
      const began = performance.now();
      const answer = await fetch(url, { signal: AbortSignal.timeout(10_000) }).catch(() => undefined);
      await answer?.text();
      this.looks++;
      if (answer?.status !== 200) this.unanswered++;
      this.slowestMs = Math.max(this.slowestMs, Math.round(performance.now() - began));
    }
  }

  async stop(): Promise<void> {
    this.leaving.abort();
    await this.looking;
  }

  measure(): void {
    for (const [name, pid] of Object.entries(this.pids)) {
      const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
      (this.memory[name] ??= []).push(Number(kilobytes) / 1_024);
    }
  }

  /** Services that ended, or that somebody had to start again. */
  ended(): string[] {
    return Object.entries(this.world.services)
      .filter(([name, { process }]) => !process.isRunning() || process.pid !== this.pids[name])
      .map(([name]) => `${name} ended`);
  }

  /** How much more the second half of the rounds takes than the first, each when it took least, since V8 collects when it likes; MB, by service. */
  growth(): Record<string, number> {
    return Object.fromEntries(
      Object.entries(this.memory).map(([name, values]) => {
        const half = Math.floor(values.length / 2);
        return [name, Math.round(Math.min(...values.slice(-half)) - Math.min(...values.slice(0, half)))];
      }),
    );
  }
}

/** Every line of every log is one JSON object, with nothing in it that a terminal or an editor would take for something else. */
export const readLogs = (logs: string): { lines: number; faults: string[] } => {
  const faults: string[] = [];
  let lines = 0;
  for (const name of readdirSync(logs))
    for (const line of readFileSync(join(logs, name), 'utf8')
      .split('\n')
      .filter((text) => text !== '')) {
      lines++;
      if (!isObject(line)) faults.push(`${name}: a line that is no JSON object: ${JSON.stringify(line.slice(0, 200))}`);
      else if (RAW.test(line)) faults.push(`${name}: raw characters in ${JSON.stringify(line.slice(0, 300))}`);
      else if (/"level":(50|60)\b/.test(line)) faults.push(`${name}: an error: ${line.slice(0, 600)}`);
    }
  return { lines, faults };
};

const isObject = (line: string): boolean => {
  try {
    return typeof JSON.parse(line) === 'object';
  } catch {
    return false;
  }
};

import { readFileSync, readdirSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { execa, type ResultPromise } from 'execa';
import { TargetCLIError, faultKind, type FaultKind } from './targetcli-errors';
import { seedPreferences } from './targetcli-prefs';

/** More than any answer we ask for; beyond it the program at TARGETCLI_PATH is not targetcli, or is broken. Bytes per command. */
const MAX_OUTPUT_BYTES = 1_048_576;
const TAIL_CHARS = 2_000;
const TERM_GRACE_MS = 5_000;
const KILL_GRACE_MS = 2_000;

export interface SessionSettings {
  path: string;
  /** TARGETCLI_HOME, private to us. */
  home: string;
}

interface Waiting {
  marker: string;
  resolve: (said: string) => void;
  reject: (fault: FaultKind) => void;
}

type Child = ResultPromise<{ buffer: false; reject: false; stdin: 'pipe'; stdout: 'pipe'; stderr: 'pipe' }>;

const printable = (text: string): string => text.replace(/\x1b\[[0-9;]*[A-Za-z]/g, '').replace(/[^\x20-\x7e\n]/g, '?');

/** Live members of a process group, and their states as /proc/PID/stat has them; `D`: in the kernel, where no signal arrives. */
export const groupMembers = (group: number): { pid: number; state: string }[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        const [state, , pgrp] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return Number(pgrp) === group && state !== 'Z' && state !== 'X' ? [{ pid: Number(name), state: state! }] : [];
      } catch {
        return [];
      }
    });

/**
 * One targetcli process that reads commands from a pipe. A line that names an unknown bookmark follows each command: its error
 * comes in order on stderr, so what stands before it belongs to the command. Exit codes say nothing here: a batch on stdin
 * carries on after an error and ends with 0. The process ends by itself when our end of the pipe closes, also when we are killed.
 */
export class TargetcliSession {
  readonly startedAt = Date.now();
  private readonly child: Child;
  private readonly marks = `s${randomBytes(6).toString('hex')}n`;
  private readonly exited: Promise<void>;
  private count = 0;
  private said = '';
  private tail = '';
  private bytes = 0;
  private waiting: Waiting | null = null;
  private gone: FaultKind | null = null;

  /** Starts the process. */
  constructor(settings: SessionSettings) {
    seedPreferences(settings.home);
    this.child = execa(settings.path, [], {
      buffer: false,
      reject: false,
      // a group of its own, so that a wrapper's children can be ended with it
      detached: true,
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'pipe',
      // nothing of our environment: it holds the password of NATS
      extendEnv: false,
      env: {
        PATH: '/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin',
        LC_ALL: 'C.UTF-8',
        HOME: settings.home,
        TARGETCLI_HOME: settings.home,
      },
    });
    this.child.catch(() => undefined);
    this.child.stdin.on('error', () => undefined);
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => this.heard(text, true));
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => this.heard(text, false));
    this.exited = new Promise((resolve) => {
      // not `close`: a grandchild can hold the pipes for ever
      this.child.once('exit', () => setTimeout(() => this.left('ended', resolve), 20));
      this.child.once('error', () => this.left('not-started', resolve));
    });
  }

  /**
   * Waits until it has the lock and has read LIO's tree.
   * @throws TargetCLIError
   */
  async ready(timeoutMs: number): Promise<void> {
    await this.exchange('', 'start-targetcli', timeoutMs);
  }

  get alive(): boolean {
    return this.gone === null;
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  /** From its greeting, such as 2.1.53. */
  get version(): string | null {
    return /targetcli shell version (\S+)/.exec(this.greeting)?.[1] ?? null;
  }
  private greeting = '';

  /**
   * Runs one command and returns when targetcli has done it.
   * @throws TargetCLIError when it said `Error:`, ended, said nothing in time, or said too much.
   */
  async run(line: string, step: string, timeoutMs: number): Promise<void> {
    if (/[^\x20-\x7e]/.test(line)) throw new TargetCLIError('syntax', step, 'a line with a control character was held back');
    const said = await this.exchange(`${line}\n`, step, timeoutMs);
    const errors = said.split('\n').filter((text) => /^(Error|Critical|Exception): /.test(text));
    if (errors.length > 0) throw new TargetCLIError(faultKind(errors.join('\n')), step, printable(errors.join('\n')).slice(0, TAIL_CHARS));
  }

  /**
   * Closes our end, which ends targetcli; what does not end in time is killed, first politely.
   * @returns false when something of it is still there: it hangs in the kernel.
   */
  async end(graceMs = TERM_GRACE_MS): Promise<boolean> {
    this.child.stdin.end();
    if (!this.child.pid) return true;
    if (graceMs > 0) await this.exitWithin(graceMs);
    if (this.alive) {
      this.signal('SIGTERM');
      await this.exitWithin(TERM_GRACE_MS);
    }
    this.signal('SIGKILL');
    for (const until = Date.now() + KILL_GRACE_MS; Date.now() < until; await pause(50))
      if (groupMembers(this.pid).length === 0) return true;
    return groupMembers(this.pid).length === 0;
  }

  private async exchange(lines: string, step: string, timeoutMs: number): Promise<string> {
    if (this.gone) throw new TargetCLIError(this.gone, step, this.tail);
    const marker = `${this.marks}${++this.count}`;
    this.said = '';
    this.bytes = 0;
    let timer: NodeJS.Timeout | undefined;
    const answer = new Promise<string>((resolve, reject) => {
      this.waiting = { marker: `Error: No such bookmark ${marker}\n`, resolve, reject };
      timer = setTimeout(() => reject('timeout'), timeoutMs);
      this.child.stdin.write(`${lines}@${marker} pwd\n`);
    });
    try {
      return await answer;
    } catch (fault) {
      throw this.explain(fault as FaultKind, step);
    } finally {
      clearTimeout(timer);
      this.waiting = null;
      if (this.count === 1) this.greeting = this.tail;
    }
  }

  private explain(fault: FaultKind, step: string): TargetCLIError {
    const inner = printable(this.tail);
    const told = faultKind(inner);
    if (fault === 'ended' && this.count === 1) return new TargetCLIError(told === 'unknown' ? 'not-started' : told, step, inner);
    return new TargetCLIError(fault === 'ended' && told !== 'unknown' ? told : fault, step, inner);
  }

  private heard(text: string, isError: boolean): void {
    this.bytes += text.length;
    this.tail = (this.tail + text).slice(-TAIL_CHARS);
    if (this.bytes > MAX_OUTPUT_BYTES) {
      this.said = '';
      if (this.gone) return;
      this.gone = 'flood';
      this.waiting?.reject('flood');
      this.signal('SIGKILL');
      return;
    }
    if (!isError) return;
    this.said += text;
    const at = this.waiting ? this.said.indexOf(this.waiting.marker) : -1;
    if (at >= 0) this.waiting!.resolve(this.said.slice(0, at));
  }

  private left(fault: FaultKind, resolve: () => void): void {
    this.gone ??= fault;
    this.waiting?.reject(fault);
    resolve();
  }

  private async exitWithin(ms: number): Promise<void> {
    const waited = new AbortController();
    await Promise.race([this.exited, pause(ms, undefined, { signal: waited.signal }).catch(() => undefined)]);
    waited.abort();
  }

  private signal(name: NodeJS.Signals): void {
    try {
      process.kill(-this.pid, name);
    } catch {
      // the group is gone
    }
  }
}

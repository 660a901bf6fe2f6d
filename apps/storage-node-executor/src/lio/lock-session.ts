import { once } from 'node:events';
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { TARGETCLI_LOCK } from './lock-holder';
import { TargetCLIError } from './targetcli-errors';
import { groupMembers } from './targetcli-session';

/**
 * Holds targetcli's lock while we write to configfs ourselves, so that no targetcli reads or changes half of a target. Node has no flock(2):
 * util-linux takes it and becomes `cat`, which ends, and gives the lock back, when our end of its pipe closes, also when we are killed.
 */
export class LockSession {
  readonly startedAt = Date.now();
  /** Nothing that has one. */
  readonly version = null;
  private readonly child: ChildProcessByStdio<Writable, Readable, null>;
  private gone = false;

  constructor() {
    this.child = spawn('flock', ['--nonblock', '--no-fork', TARGETCLI_LOCK, 'cat'], {
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
      // nothing of our environment
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    });
    this.child.stdin.on('error', () => undefined);
    for (const end of ['exit', 'error']) this.child.once(end, () => (this.gone = true));
  }

  get alive(): boolean {
    return !this.gone;
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  /**
   * Resolves when the lock is ours: what we write comes back.
   * @throws TargetCLIError `timeout` when it is not, `not-started` without util-linux
   */
  async ready(timeoutMs: number): Promise<void> {
    const given = new AbortController();
    const { signal } = given;
    this.child.stdin.write('\n');
    const ended = (kind: 'timeout' | 'not-started') => (): never => {
      throw new TargetCLIError(kind, 'take-lock', 'flock did not get the lock');
    };
    try {
      await Promise.race([
        once(this.child.stdout, 'data', { signal }),
        once(this.child, 'exit', { signal }).then(ended('timeout')),
        pause(timeoutMs, undefined, { signal }).then(ended('timeout')),
      ]);
    } catch (error) {
      throw error instanceof TargetCLIError ? error : new TargetCLIError('not-started', 'take-lock', String(error));
    } finally {
      given.abort();
    }
  }

  /** @returns false when something of it is still there */
  async end(graceMs = 1_000): Promise<boolean> {
    this.child.stdin.end();
    for (const until = Date.now() + graceMs; this.alive && Date.now() < until;) await pause(5);
    if (this.alive) this.child.kill('SIGKILL');
    for (const until = Date.now() + 2_000; groupMembers(this.pid).length > 0; await pause(20)) if (Date.now() > until) return false;
    return true;
  }
}

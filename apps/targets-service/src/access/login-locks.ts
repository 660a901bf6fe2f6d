interface Failures {
  count: number;
  lockedUntil: number;
}

/** Names remembered at once; the oldest is forgotten first. */
const MOST = 10_000;

/**
 * Slows guessing down: after so many failures in a row a name is locked for a while for the source that guessed, known or
 * not, so that a lock neither tells which names exist nor keeps others out.
 */
export class LoginLocks {
  private readonly failures = new Map<string, Failures>();

  constructor(
    private readonly limit: number,
    private readonly lockMs: number,
  ) {}

  /** Milliseconds until the next try is allowed, 0 when it is. */
  lockedFor(key: string, now: number): number {
    return Math.max(0, (this.failures.get(key)?.lockedUntil ?? 0) - now);
  }

  failed(key: string, now: number): void {
    const known = this.failures.get(key);
    const count = known && now - known.lockedUntil < this.lockMs ? known.count + 1 : 1;
    this.failures.delete(key);
    this.failures.set(key, count >= this.limit ? { count: 0, lockedUntil: now + this.lockMs } : { count, lockedUntil: now });
    if (this.failures.size > MOST) this.failures.delete(this.failures.keys().next().value!);
  }

  succeeded(key: string): void {
    this.failures.delete(key);
  }
}

import { Refused } from '#contracts';

/**
 * Whether this process is the node's one writer. Granted by targets-service for a time that counts from when the report was sent,
 * on a clock that nobody sets and that goes on while the process is stopped: one that wakes late finds its lease over.
 */
export class NodeLease {
  private until = -Infinity;

  /** @param until on the clock of `performance.now()`. */
  grant(until: number): void {
    this.until = Math.max(this.until, until);
  }

  /** Another process is the writer, or this one leaves. */
  end(): void {
    this.until = -Infinity;
  }

  held(now = performance.now()): boolean {
    return now < this.until;
  }

  /** Asked before everything that changes something. @throws Refused NODE_BUSY */
  mustHold(): void {
    if (!this.held()) throw new Refused('NODE_BUSY', { hint: 'This executor does not hold the node.' });
  }
}

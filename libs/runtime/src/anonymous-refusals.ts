const MINUTE_MS = 60_000;
/** Sources counted at once; more share one count, so that forged addresses cannot fill the memory. */
const MOST_SOURCES = 10_000;

/**
 * Counts refusals of unknown callers, so that a flood of bad tokens cannot flood the audit trail: the first of a minute are
 * recorded singly, the rest is summed per source.
 */
export class AnonymousRefusals {
  private minute = 0;
  private counts = new Map<string, number>();

  constructor(private readonly perMinute: number) {}

  /** Whether this one is recorded singly. */
  mayRecord(source: string, now: number): boolean {
    const key = this.counts.has(source) || this.counts.size < MOST_SOURCES ? source : 'others';
    const count = (this.counts.get(key) ?? 0) + 1;
    this.counts.set(key, count);
    if (this.minute === 0) this.minute = now;
    return count <= this.perMinute;
  }

  /** Sums of the minute that has passed, once; empty before it has. */
  takeSums(now: number): { source: string; count: number }[] {
    if (this.minute === 0 || now - this.minute < MINUTE_MS) return [];
    const sums = [...this.counts].flatMap(([source, count]) => (count > this.perMinute ? [{ source, count: count - this.perMinute }] : []));
    this.counts = new Map();
    this.minute = 0;
    return sums;
  }
}

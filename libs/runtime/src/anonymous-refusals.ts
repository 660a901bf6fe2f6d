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
  /** Sums of earlier minutes that could not be recorded yet. */
  private readonly owed = new Map<string, number>();

  constructor(private readonly perMinute: number) {}

  /** Whether this one is recorded singly. */
  mayRecord(source: string, now: number): boolean {
    const key = this.counts.has(source) || this.counts.size < MOST_SOURCES ? source : 'others';
    const count = (this.counts.get(key) ?? 0) + 1;
    this.counts.set(key, count);
    if (this.minute === 0) this.minute = now;
    return count <= this.perMinute;
  }

  /** Sums of the minute that has passed, once, with those given back; empty before it has. */
  takeSums(now: number): { source: string; count: number }[] {
    if (this.minute !== 0 && now - this.minute >= MINUTE_MS) {
      for (const [source, count] of this.counts) if (count > this.perMinute) this.giveBack(source, count - this.perMinute);
      this.counts = new Map();
      this.minute = 0;
    }
    const sums = [...this.owed].map(([source, count]) => ({ source, count }));
    this.owed.clear();
    return sums;
  }

  /** A sum that could not be recorded: it is in the next ones. */
  giveBack(source: string, count: number): void {
    const key = this.owed.has(source) || this.owed.size < MOST_SOURCES ? source : 'others';
    this.owed.set(key, (this.owed.get(key) ?? 0) + count);
  }
}

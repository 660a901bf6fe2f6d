import { Refused } from '#contracts';
import { connectionLost } from './database-errors';

interface Waiting<I, O> {
  item: I;
  resolve: (outcome: O) => void;
  reject: (error: unknown) => void;
}

/** The fewer at once, the more is in each; but one that takes long, as for a lock, does not hold up those behind it. */
const LONG_MS = 100;
const MOST_LONG = 4;
const MOST_AT_ONCE = 64;
const MOST_WAITING = 1_000;

/**
 * Does what several callers ask for in the same moment in one transaction: a commit costs the same for one change and for twenty, and nobody
 * is answered before it. What comes meanwhile waits for the next one.
 *
 * When it fails, each is done alone and fails for its own reasons; unless the connection was lost, since what was committed is unknown then.
 */
export class Together<I, O> {
  private readonly waiting: Waiting<I, O>[] = [];
  private busy = false;
  private atWork = 0;

  /** @param work answers each in its place; a refused one has changed nothing. It may be called again with the same ones */
  constructor(private readonly work: (items: I[]) => Promise<(O | Refused)[]>) {}

  /** @throws Refused RATE_LIMITED when too many wait, and as `work` does */
  do(item: I): Promise<O> {
    if (this.waiting.length >= MOST_WAITING) return Promise.reject(new Refused('RATE_LIMITED', { retryAfter: 1 }));
    return new Promise((resolve, reject) => {
      // those that came in one piece from the network are not there yet
      if (this.waiting.push({ item, resolve, reject }) === 1) setImmediate(() => this.begin());
    });
  }

  private begin(): void {
    if (this.busy || this.atWork >= MOST_LONG || this.waiting.length === 0) return;
    this.busy = true;
    this.atWork++;
    let isNext = false;
    const letNextBegin = () => {
      if (!isNext) this.busy = false;
      isNext = true;
      this.begin();
    };
    const long = setTimeout(letNextBegin, LONG_MS);
    void this.run(this.waiting.splice(0, MOST_AT_ONCE)).finally(() => {
      clearTimeout(long);
      this.atWork--;
      letNextBegin();
    });
  }

  private async run(batch: Waiting<I, O>[]): Promise<void> {
    try {
      const outcomes = await this.work(batch.map(({ item }) => item));
      batch.forEach(({ resolve, reject }, at) => {
        const outcome = outcomes[at]!;
        if (outcome instanceof Refused) reject(outcome);
        else resolve(outcome);
      });
    } catch (error) {
      if (batch.length > 1 && !connectionLost(error instanceof Refused ? error.cause : error))
        await Promise.all(batch.map((alone) => this.run([alone])));
      else batch.forEach(({ reject }) => reject(error));
    }
  }
}

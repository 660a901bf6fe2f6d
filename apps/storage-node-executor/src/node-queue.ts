import { setTimeout as sleep } from 'node:timers/promises';
import { Refused, type ApplyReply, type TargetWish } from '#contracts';

/** Work that is done when the queue has run dry, such as saving the configuration. */
export interface Chore {
  due: () => boolean;
  /** It has waited so long that it goes before the next wish. */
  overdue: () => boolean;
  run: () => Promise<void>;
}

export interface QueueSettings {
  /** Wishes that may wait; more are refused. */
  limit: number;
  /** Longest time that a wish waits for its turn. */
  waitMs: number;
  /** How long the queue must have been empty before the chore is done. */
  quietMs: number;
}

interface Caller {
  resolve: (reply: ApplyReply) => void;
  reject: (error: unknown) => void;
}

interface Queued {
  wish: TargetWish;
  callers: Caller[];
  timer: NodeJS.Timeout;
}

/**
 * The single writer of a node: one wish at a time, in the order they came. LIO and targetcli do not bear two writers
 * (open-iscsi/rtslib-fb issue 36, targetcli-fb issue 140). Reads do not pass here: they never wait.
 */
export class NodeQueue {
  private readonly waiting: Queued[] = [];
  private working: Promise<void> | null = null;
  private closed = false;

  constructor(
    private readonly apply: (wish: TargetWish) => Promise<ApplyReply>,
    private readonly chore: Chore,
    private readonly wedged: () => string | null,
    private readonly settings: QueueSettings,
  ) {}

  /** Wishes that wait, the one at work not counted. */
  get length(): number {
    return this.waiting.length;
  }

  /**
   * Resolves when the wish has been applied.
   * A newer wish for a target takes the place of one that waits; the same wish again waits for the same outcome.
   * @throws Refused NODE_BUSY, NODE_WEDGED or STALE_GENERATION, with nothing changed.
   */
  submit(wish: TargetWish): Promise<ApplyReply> {
    return new Promise((resolve, reject) => {
      const caller = { resolve, reject };
      try {
        this.admit(wish, caller);
        this.nudge();
      } catch (error) {
        reject(error);
      }
    });
  }

  /** Looks whether the chore is due, as a timer of its own wants it to. */
  nudge(): void {
    if (this.closed) return;
    this.working ??= this.work().finally(() => {
      this.working = null;
      if (this.waiting.length > 0) this.nudge();
    });
  }

  /** Refuses what waits, and resolves when what is at work is done. */
  async close(): Promise<void> {
    this.closed = true;
    for (const queued of this.waiting.splice(0)) this.refuse(queued, new Refused('NODE_BUSY', { hint: 'The executor is stopping.' }));
    await this.working;
  }

  private admit(wish: TargetWish, caller: Caller): void {
    if (this.closed) throw new Refused('NODE_BUSY', { hint: 'The executor is stopping.' });
    const wedged = this.wedged();
    if (wedged) throw new Refused('NODE_WEDGED', { hint: `${wedged}.` });
    const queued = this.waiting.find((other) => other.wish.target_id === wish.target_id);
    if (!queued) {
      if (this.waiting.length >= this.settings.limit) throw new Refused('NODE_BUSY', { hint: 'Too many wishes wait.' });
      const entry: Queued = { wish, callers: [caller], timer: setTimeout(() => this.expire(entry), this.settings.waitMs) };
      this.waiting.push(entry);
      return;
    }
    if (wish.generation < queued.wish.generation) throw new Refused('STALE_GENERATION');
    if (wish.generation > queued.wish.generation) {
      queued.callers.forEach(({ reject }) => reject(new Refused('STALE_GENERATION')));
      queued.callers = [];
    }
    queued.wish = wish;
    queued.callers.push(caller);
  }

  private expire(queued: Queued): void {
    const at = this.waiting.indexOf(queued);
    if (at < 0) return;
    this.waiting.splice(at, 1);
    this.refuse(queued, new Refused('NODE_BUSY', { hint: 'Its turn did not come in time.' }));
  }

  private refuse(queued: Queued, error: Refused): void {
    clearTimeout(queued.timer);
    queued.callers.forEach(({ reject }) => reject(error));
  }

  private async work(): Promise<void> {
    for (;;) {
      if (this.chore.overdue()) await this.chore.run();
      const next = this.waiting.shift();
      if (next) {
        await this.perform(next);
        continue;
      }
      if (!this.chore.due()) return;
      if (!this.closed) await sleep(this.settings.quietMs);
      if (this.waiting.length === 0) await this.chore.run();
    }
  }

  private async perform(queued: Queued): Promise<void> {
    clearTimeout(queued.timer);
    try {
      const reply = await this.apply(queued.wish);
      queued.callers.forEach(({ resolve }) => resolve(reply));
    } catch (error) {
      queued.callers.forEach(({ reject }) => reject(error));
    }
  }
}

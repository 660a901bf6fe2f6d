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
  requestId: string | undefined;
  callers: Caller[];
  timer: NodeJS.Timeout;
}

/**
 * The single writer of a node: one wish at a time, in the order they came. LIO and targetcli do not bear two writers
 * (open-iscsi/rtslib-fb issue 36, targetcli-fb issue 140). Reads do not pass here: they never wait.
 */
export class NodeQueue {
  /** By target, in the order they came. */
  private readonly waiting = new Map<string, Queued>();
  private atWork: string | null = null;
  private working: Promise<void> | null = null;
  private closed = false;
  private suspended = false;

  constructor(
    private readonly apply: (wish: TargetWish, requestId?: string) => Promise<ApplyReply>,
    private readonly chore: Chore,
    private readonly wedged: () => string | null,
    private readonly settings: QueueSettings,
  ) {}

  /** Wishes that wait, the one at work not counted. */
  get length(): number {
    return this.waiting.size;
  }

  /** Whether a wish for this target waits or is at work. */
  has(targetId: string): boolean {
    return this.atWork === targetId || this.waiting.has(targetId);
  }

  /**
   * Resolves when the wish has been applied.
   * A newer wish for a target takes the place of one that waits; the same wish again waits for the same outcome.
   * @param requestId what asked for it, for the log.
   * @throws Refused NODE_BUSY, NODE_WEDGED or STALE_GENERATION, with nothing changed.
   */
  submit(wish: TargetWish, requestId?: string): Promise<ApplyReply> {
    return new Promise((resolve, reject) => {
      const caller = { resolve, reject };
      try {
        this.admit(wish, requestId, caller);
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
      if (this.waiting.size > 0) this.nudge();
    });
  }

  /** Whoever asked is gone: what waits is refused, and so is what comes until `resume`. What is at work is finished. */
  suspend(): void {
    this.suspended = true;
    this.refuseWaiting('Whoever asked for it is gone.');
  }

  resume(): void {
    this.suspended = false;
  }

  /** Refuses what waits, and resolves when what is at work is done. */
  async close(): Promise<void> {
    this.closed = true;
    this.refuseWaiting('The executor is stopping.');
    await this.working;
  }

  private admit(wish: TargetWish, requestId: string | undefined, caller: Caller): void {
    if (this.closed) throw new Refused('NODE_BUSY', { hint: 'The executor is stopping.' });
    if (this.suspended) throw new Refused('NODE_BUSY', { hint: 'The part on NATS is away.' });
    const wedged = this.wedged();
    if (wedged) throw new Refused('NODE_WEDGED', { hint: `${wedged}.` });
    const queued = this.waiting.get(wish.target_id);
    if (!queued) {
      if (this.waiting.size >= this.settings.limit) throw new Refused('NODE_BUSY', { hint: 'Too many wishes wait.' });
      const entry: Queued = { wish, requestId, callers: [caller], timer: setTimeout(() => this.expire(entry), this.settings.waitMs) };
      this.waiting.set(wish.target_id, entry);
      return;
    }
    if (wish.generation < queued.wish.generation) throw new Refused('STALE_GENERATION');
    if (wish.generation > queued.wish.generation) {
      queued.callers.forEach(({ reject }) => reject(new Refused('STALE_GENERATION')));
      queued.callers = [];
    }
    queued.wish = wish;
    queued.requestId = requestId;
    queued.callers.push(caller);
  }

  private expire(queued: Queued): void {
    this.waiting.delete(queued.wish.target_id);
    this.refuse(queued, new Refused('NODE_BUSY', { hint: 'Its turn did not come in time.' }));
  }

  private refuseWaiting(hint: string): void {
    for (const queued of this.waiting.values()) this.refuse(queued, new Refused('NODE_BUSY', { hint }));
    this.waiting.clear();
  }

  private refuse(queued: Queued, error: Refused): void {
    clearTimeout(queued.timer);
    queued.callers.forEach(({ reject }) => reject(error));
  }

  private async work(): Promise<void> {
    for (;;) {
      if (this.chore.overdue()) await this.chore.run();
      const [next] = this.waiting.values();
      if (next) {
        await this.perform(next);
        continue;
      }
      if (!this.chore.due()) return;
      if (!this.closed) await sleep(this.settings.quietMs);
      if (this.waiting.size === 0) await this.chore.run();
    }
  }

  private async perform(queued: Queued): Promise<void> {
    clearTimeout(queued.timer);
    const { target_id } = queued.wish;
    this.waiting.delete(target_id);
    this.atWork = target_id;
    try {
      const reply = await this.apply(queued.wish, queued.requestId);
      queued.callers.forEach(({ resolve }) => resolve(reply));
    } catch (error) {
      queued.callers.forEach(({ reject }) => reject(error));
    } finally {
      this.atWork = null;
    }
  }
}

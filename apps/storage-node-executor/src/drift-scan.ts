import { isDeepStrictEqual } from 'node:util';
import type { Drift, NodeReport, TargetWish } from '#contracts';
import type { Logger } from '#runtime';
import type { Journal, JournalEntry } from './journal';
import { CannotOpenSecrets } from './lio/chap-credentials';
import { UnsafeName, backstoreName } from './lio/target-names';
import { desiredTarget } from './lio/target-state';
import type { TargetcliAdapter } from './lio/targetcli.adapter';
import { driftFrom, leftovers } from './target-drift';

const TICK_MS = 100;
/** Longest time that requests wait for a slice of the scan, but for its last target. */
const SLICE_MS = 10;
/** What a report may name. */
const MAX_DRIFTED = 100;

type Drifted = NodeReport['drifted'][number];

/**
 * Compares what is settled with the kernel, all targets once in `periodMs` and a few at a time. It reads only, so it needs no
 * lease; what is done about drift is decided by targets-service.
 */
export class DriftScan {
  private readonly found = new Map<string, Drifted>();
  /** Left of the present round. */
  private toLook: string[] = [];
  private roundBegan = -Infinity;
  private allSeen = false;
  private perTick = 1;
  private unwished = new Set<string>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly adapter: TargetcliAdapter,
    private readonly journal: Journal,
    /** Targets that are being changed are not looked at. */
    private readonly isBusy: (targetId: string) => boolean,
    private readonly periodMs: number,
    private readonly log: Pick<Logger, 'info' | 'warn'>,
    private readonly onChange: () => void,
  ) {}

  /** Not before the first try to restore: after a reboot everything is missing, and that is no drift. */
  start(): void {
    this.timer ??= setInterval(() => this.slice(), TICK_MS).unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** What differs now, as a report tells it. */
  drifted(): Drifted[] {
    return [...this.found.values()].filter(({ target_id }) => !this.isBusy(target_id)).slice(0, MAX_DRIFTED);
  }

  /** Whether what is not drifted is known to be as wished. */
  get known(): boolean {
    return this.allSeen && ![...this.found.keys()].some((id) => this.isBusy(id));
  }

  get size(): number {
    return this.found.size;
  }

  /** Targets of the journal that the whole wish does not name. They are told of and left alone: a backup may have been restored. */
  notWished(targetIds: ReadonlySet<string>): void {
    this.unwished = new Set(targetIds);
    targetIds.forEach((id) => this.look(id));
  }

  isWished(targetId: string): boolean {
    return !this.unwished.has(targetId);
  }

  /**
   * A wish for it came, and it may have been changed just now.
   * @param asWished it was read back just now and nothing is left to do: a burst would read each of its targets twice
   */
  applied({ target_id, generation }: Pick<TargetWish, 'target_id' | 'generation'>, asWished: boolean): void {
    this.unwished.delete(target_id);
    if (asWished) this.remember(target_id, generation, []);
    else this.look(target_id);
  }

  /** Compares one target at once. Never throws. */
  look(targetId: string): void {
    try {
      const entry = this.journal.get(targetId);
      this.remember(targetId, entry?.wish.generation ?? 0, entry ? this.driftOf(entry) : []);
    } catch (err) {
      this.log.warn({ err, target_id: targetId }, 'a target could not be compared with its wish');
    }
  }

  private slice(): void {
    const now = performance.now();
    if (this.toLook.length === 0) {
      this.allSeen = this.roundBegan !== -Infinity;
      if (now - this.roundBegan < this.periodMs) return;
      this.roundBegan = now;
      this.toLook = this.round();
      this.perTick = Math.ceil((this.toLook.length * TICK_MS) / this.periodMs);
    }
    for (let looked = 0; looked < this.perTick && performance.now() - now < SLICE_MS; looked++) {
      const id = this.toLook.pop();
      if (id === undefined) return;
      if (!this.isBusy(id)) this.look(id);
    }
  }

  /** All that are there, what was found last time, and of those taken away the ones of which something shows. */
  private round(): string[] {
    const shown = new Set(this.adapter.tree.targetNames());
    const left = this.journal.absent().filter(({ wish }) => shown.has(wish.iqn) || this.journal.ownsBackstoreFor(wish));
    const ids = [...this.journal.live(), ...left].map(({ wish }) => wish.target_id);
    return [...new Set([...ids, ...this.found.keys()])];
  }

  private driftOf(entry: JournalEntry): Drift[] {
    const { wish, phase } = entry;
    const name = backstoreName(wish.disk.disk_id);
    const seen = this.adapter.tree.see(wish.iqn, name);
    if (phase === 'present' && !this.unwished.has(wish.target_id)) {
      try {
        return driftFrom(desiredTarget(wish, this.adapter.settings), seen);
      } catch (error) {
        if (error instanceof UnsafeName) return [{ kind: 'different', what: 'image folder', expected: null, found: 'not usable' }];
        if (error instanceof CannotOpenSecrets) return [{ kind: 'different', what: 'acl secret', expected: null, found: 'not comparable' }];
        throw error;
      }
    }
    // begun and not settled: the wish comes again, and says how it ended
    if (phase === 'changing' && !this.unwished.has(wish.target_id)) return [];
    const ofAnother = this.journal.byName(wish.iqn) !== entry;
    return leftovers(wish.iqn, name, ofAnother ? { ...seen, target: null } : seen, this.journal.ownsBackstoreFor(wish));
  }

  private remember(targetId: string, generation: number, drift: Drift[]): void {
    const before = this.found.get(targetId);
    if (drift.length === 0) {
      if (!this.found.delete(targetId)) return;
      this.log.info({ target_id: targetId }, 'a target is as wished again');
    } else {
      const now = { target_id: targetId, generation, drift };
      if (isDeepStrictEqual(before, now)) return;
      this.found.set(targetId, now);
      this.log.warn({ target_id: targetId, generation, drift }, 'a target differs from its wish');
    }
    this.onChange();
  }
}

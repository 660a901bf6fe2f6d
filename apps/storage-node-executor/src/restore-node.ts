import { Refused, type TargetWish, type WishesReply } from '#contracts';
import { sleep, type Logger } from '#runtime';
import { imageRootIsMounted } from './check-node';
import type { Settings } from './config';
import type { DriftScan } from './drift-scan';
import type { Journal } from './journal';
import type { NodeLease } from './node-lease';
import type { NodeQueue } from './node-queue';
import type { RootSocket } from './socket/root-socket';
import { noteRestored, wasRestored } from './state-folder';

const PAGE = 200;
/** Wishes of the restore in the queue at a time, so that what people ask for does not wait behind all of it. */
const AT_ONCE = 8;
const ASK_MS = 5_000;
const FIRST_PAUSE_MS = 500;
const LAST_PAUSE_MS = 30_000;

/** A newer wish came first, or an initiator uses what should go: nothing to do about either. */
const SETTLED = new Set(['STALE_GENERATION', 'TARGET_IN_USE']);

export interface RestoreParts {
  settings: Settings;
  socket: RootSocket;
  nodeLease: NodeLease;
  journal: Journal;
  queue: NodeQueue;
  scan: DriftScan;
  log: Logger;
}

/**
 * Brings the node to its whole wish when it becomes ours, by the same code that serves a request. What the kernel, the journal or
 * the distribution's saved configuration have left is only where it begins.
 */
export class NodeRestorer {
  private readonly leaving = new AbortController();
  private running: Promise<void> | null = null;
  private all = false;
  /** From the start on: before the first wish came nobody knows what lacks. */
  restoring = true;
  private restored: boolean;

  constructor(private readonly parts: RestoreParts) {
    this.restored = wasRestored(parts.settings.STATE_DIR);
  }

  /** The node is ours from now on. */
  begin(): void {
    this.all = true;
    this.restoring = true;
    this.running ??= this.run().finally(() => {
      this.running = null;
      if (this.all && this.parts.nodeLease.held() && !this.leaving.signal.aborted) this.begin();
    });
  }

  async stop(): Promise<void> {
    this.leaving.abort();
    await this.running;
  }

  /** Until every wish is met, or the node is no longer ours; a target that cannot be met now does not keep the others. */
  private async run(): Promise<void> {
    const { nodeLease, scan, log } = this.parts;
    let left: ReadonlySet<string> | null = null;
    for (let pause = FIRST_PAUSE_MS; nodeLease.held() && !this.leaving.signal.aborted; pause = Math.min(2 * pause, LAST_PAUSE_MS)) {
      if (this.all) left = null;
      this.all = false;
      try {
        left = await this.pass(left);
      } catch (err) {
        log.warn(err instanceof Refused ? { code: err.code, hint: err.details.hint } : { err }, 'the node cannot be restored yet');
      }
      scan.start();
      if (left?.size === 0) this.note();
      this.restoring = left?.size !== 0 || this.all;
      if (!this.restoring) return;
      await sleep(pause, this.leaving.signal);
    }
  }

  /**
   * @param only targets to bring to their wish; null for all.
   * @returns those that are not as wished yet
   */
  private async pass(only: ReadonlySet<string> | null): Promise<Set<string>> {
    const { settings, journal, scan, log } = this.parts;
    if (settings.IMAGE_ROOT_IS_MOUNT && !imageRootIsMounted(settings.IMAGE_ROOT))
      throw new Refused('BACKING_FILE_UNUSABLE', { hint: 'The image folder is not mounted.' });
    const began = performance.now();
    const unnamed = new Set(journal.live().map(({ wish }) => wish.target_id));
    const left = new Set<string>();
    let count = 0;
    let after: string | null = null;
    do {
      const page: WishesReply = await this.parts.socket.ask('wishes', { after, limit: PAGE }, ASK_MS);
      page.wishes.forEach(({ target_id }) => unnamed.delete(target_id));
      const wishes = page.wishes.filter(({ target_id }) => !only || only.has(target_id));
      await this.submitAll(wishes, left);
      count += wishes.length;
      after = page.next;
    } while (after !== null);
    scan.notWished(unnamed);
    log.info(
      { targets: count, not_met: left.size, not_wished: unnamed.size, ms: Math.round(performance.now() - began) },
      'the whole wish of the node is known',
    );
    return left;
  }

  private note(): void {
    if (!this.restored) noteRestored(this.parts.settings.STATE_DIR);
    this.restored = true;
  }

  /** With the policy `report`, what was met since the boot and no longer is was changed by hand: the scan tells of it. */
  private isLeftAsFound(wish: TargetWish): boolean {
    const { settings, journal } = this.parts;
    const last = journal.get(wish.target_id);
    if (settings.DRIFT_POLICY !== 'report' || !this.restored) return false;
    return wish.state === 'present' && last?.phase === 'present' && last.wish.generation === wish.generation;
  }

  private async submitAll(wishes: TargetWish[], left: Set<string>): Promise<void> {
    const rest = wishes.values();
    const lane = async () => {
      for (const wish of rest) if (!(await this.submit(wish))) left.add(wish.target_id);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
  }

  /** @returns whether nothing is left to do for it */
  private async submit(wish: TargetWish): Promise<boolean> {
    const { journal, queue, log } = this.parts;
    const last = journal.get(wish.target_id);
    // we have said that this very wish failed and left nothing: targets-service may not have written that down yet
    if (wish.state === 'present' && last?.phase === 'absent' && last.wish.generation === wish.generation) return true;
    if (this.isLeftAsFound(wish)) return true;
    try {
      return (await queue.submit(wish)).outcome === 'done';
    } catch (err) {
      if (err instanceof Refused && SETTLED.has(err.code)) return true;
      if (!(err instanceof Refused)) log.error({ err, target_id: wish.target_id }, 'a target could not be restored');
      return false;
    }
  }
}

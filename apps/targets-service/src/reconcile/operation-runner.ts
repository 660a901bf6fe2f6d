import { setMaxListeners } from 'node:events';
import { Refused, type TargetResponse } from '#contracts';
import { inDatabase, inTransaction } from '#database';
import { gauge, sleep } from '#runtime';
import type { Parts } from '../parts';
import type { Target } from '../targets/target.entity';
import { dueOperations, extendClaims, findTarget, presentTarget } from '../targets/target.store';
import { NodePlaces } from './node-places';
import { runOperation } from './run-operation';

const POLL_MS = 500;
/** A claim is renewed while its holder lives, so that another instance takes over soon after it has died. */
export const CLAIM_MS = 5_000;
const RENEW_MS = 1_500;

/** What the runner must know of an operation before it claims it. */
type Due = Pick<Target, 'id' | 'node_id'>;

const running = gauge('spindle_operations_running', 'Operations that wait for a storage node', ['node']);

/**
 * Finishes operations: those just accepted, at once; those that a crash, a silent node or a full house left, when due.
 * A claim in the database keeps two instances from doing the same work; doing it twice would be harmless all the same.
 */
export class OperationRunner {
  private readonly places: NodePlaces;
  /** What we try, as it was claimed. The same operation may be tried again while its first try hangs. */
  private readonly held = new Set<Target>();
  private readonly leaving = new AbortController();
  private wake = new AbortController();
  private loop: Promise<unknown> = Promise.resolve();

  constructor(private readonly parts: Parts) {
    setMaxListeners(0, this.leaving.signal); // each command that waits is one
    this.places = new NodePlaces(parts.settings.OPERATIONS_PER_NODE, (node, taken) => running.set({ node }, taken));
  }

  start(): void {
    this.loop = Promise.all([this.pollDue(), this.keepClaims()]);
  }

  /** Something became due: do not wait for the next look. */
  nudge(): void {
    this.wake.abort();
  }

  /** Does not wait for nodes: an operation that is left is taken up by the next start. */
  async stop(): Promise<void> {
    this.leaving.abort();
    this.wake.abort();
    this.places.close();
    await this.loop;
  }

  /**
   * Runs the operation of a target and resolves with the target as it stands when it is done, or at `replyBy` (epoch, ms).
   * @param claimed when the transaction that began it took it for us, for CLAIM_MS
   */
  async runAndWait({ id, node_id }: Due, replyBy: number, claimed?: Target): Promise<TargetResponse> {
    const over = new AbortController();
    const leave = (): void => over.abort('over'); // a reason, or Node makes an error with a stack for each
    this.leaving.signal.addEventListener('abort', leave);
    try {
      const done = this.run({ id, node_id }, claimed).then((ended) => (ended === 'not-ours' ? this.whenDone(id, over.signal) : ended));
      const ended = await Promise.race([done, sleep(Math.max(0, replyBy - Date.now()), over.signal)]);
      const target = ended ?? (await inDatabase(this.parts.database, (tx) => findTarget(tx, id)));
      if (!target) throw new Refused('TARGET_NOT_FOUND');
      return presentTarget(target);
    } finally {
      leave();
      this.leaving.signal.removeEventListener('abort', leave);
    }
  }

  /**
   * Resolves when the operation was tried, with the target if it is known; not ours when somebody else is at it or too many wait. One that
   * must wait for its turn gives its claim back, so that another instance may take it, and claims it anew.
   */
  private async run({ id, node_id }: Due, claimed?: Target): Promise<Target | null | 'not-ours'> {
    const { claims, releases } = this.parts.together;
    let target: Target | null = claimed ?? null;
    if (!this.places.take(node_id)) {
      if (target) await releases.do(target).catch(() => undefined); // it lapses soon
      target = null;
      if (!(await this.places.turn(node_id, id))) return 'not-ours';
    }
    try {
      target ??= await claims.do(id).catch((err: unknown) => this.notBegun(id, err));
      return target ? await this.holdAndRun(target) : 'not-ours';
    } finally {
      this.places.leave(node_id);
    }
  }

  /** What was accepted is not refused any more: it stays due. */
  private notBegun(id: string, err: unknown): null {
    this.parts.log.warn({ err, target_id: id }, 'an operation was not begun');
    return null;
  }

  private async holdAndRun(target: Target): Promise<Target | null> {
    this.held.add(target);
    try {
      return await runOperation(this.parts, target);
    } catch (err) {
      this.parts.log.error({ err, target_id: target.id, request_id: target.operation_request_id }, 'an operation was interrupted');
      return null;
    } finally {
      this.held.delete(target);
    }
  }

  private async keepClaims(): Promise<void> {
    while (!this.leaving.signal.aborted) {
      await sleep(RENEW_MS, this.leaving.signal);
      if (this.held.size > 0)
        await inTransaction(this.parts.database, (tx) => extendClaims(tx, [...this.held], CLAIM_MS)).catch(() => undefined);
    }
  }

  private async whenDone(id: string, over: AbortSignal): Promise<Target | null> {
    while (!over.aborted) {
      await sleep(POLL_MS / 2, over);
      // what was accepted is not refused any more: it is looked for again
      const target = await this.parts.together.targets.do(id).catch(() => undefined);
      if (target !== undefined && !target?.operation) return target;
    }
    return null;
  }

  private async pollDue(): Promise<void> {
    while (!this.leaving.signal.aborted) {
      await sleep(POLL_MS, this.wake.signal);
      this.wake = new AbortController();
      if (!this.parts.bus.connected()) continue;
      const due = await inDatabase(this.parts.database, (tx) => dueOperations(tx, this.parts.settings.OPERATIONS_PER_NODE)).catch(() => []);
      for (const next of due) if (!this.places.isInLine(next.id)) void this.run(next);
    }
  }
}

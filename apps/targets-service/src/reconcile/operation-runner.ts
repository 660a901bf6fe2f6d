import { Refused, type TargetResponse } from '#contracts';
import { inDatabase, inTransaction } from '#database';
import { gauge, sleep } from '#runtime';
import type { Parts } from '../parts';
import type { Target } from '../targets/target.entity';
import { claimOperation, dueOperations, extendClaim, findTarget, presentTarget, releaseClaim } from '../targets/target.store';
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
  /** Operations under way, by node: one that hangs fills its own places only. */
  private readonly atWork = new Map<string, number>();
  private readonly leaving = new AbortController();
  private wake = new AbortController();
  private loop: Promise<void> = Promise.resolve();

  constructor(private readonly parts: Parts) {}

  start(): void {
    this.loop = this.pollDue();
  }

  /** Something became due: do not wait for the next look. */
  nudge(): void {
    this.wake.abort();
  }

  /** Does not wait for nodes: an operation that is left is taken up by the next start. */
  async stop(): Promise<void> {
    this.leaving.abort();
    this.wake.abort();
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

  /** Resolves when the operation was tried, with the target if it is known; not ours when every place of its node is taken or somebody else is at it. */
  private async run({ id, node_id }: Due, claimed?: Target): Promise<Target | null | 'not-ours'> {
    const { database, settings } = this.parts;
    const busy = this.atWork.get(node_id) ?? 0;
    if (busy >= settings.OPERATIONS_PER_NODE || this.leaving.signal.aborted) {
      if (claimed) await inDatabase(database, (tx) => releaseClaim(tx, claimed));
      return 'not-ours';
    }
    this.count(node_id, 1);
    try {
      const target = claimed ?? (await inTransaction(database, (tx) => claimOperation(tx, id, CLAIM_MS)));
      return target ? await this.holdAndRun(target) : 'not-ours';
    } finally {
      this.count(node_id, -1);
    }
  }

  private count(nodeId: string, change: 1 | -1): void {
    const now = (this.atWork.get(nodeId) ?? 0) + change;
    if (now > 0) this.atWork.set(nodeId, now);
    else this.atWork.delete(nodeId);
    running.set({ node: nodeId }, now);
  }

  private async holdAndRun(target: Target): Promise<Target | null> {
    const renewal = setInterval(() => {
      inDatabase(this.parts.database, (tx) => extendClaim(tx, target, CLAIM_MS)).catch(() => undefined);
    }, RENEW_MS);
    try {
      return await runOperation(this.parts, target);
    } catch (err) {
      this.parts.log.error({ err, target_id: target.id, request_id: target.operation_request_id }, 'an operation was interrupted');
      return null;
    } finally {
      clearInterval(renewal);
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
      for (const next of due)
        this.run(next).catch((err: unknown) => this.parts.log.warn({ err, target_id: next.id }, 'an operation was not begun'));
    }
  }
}

import { Refused, type TargetResponse } from '#contracts';
import { inDatabase, inTransaction } from '#database';
import { gauge, sleep } from '#runtime';
import type { Parts } from '../parts';
import type { Target } from '../targets/target.entity';
import { claimOperation, dueOperations, extendClaim, findTarget, presentTarget } from '../targets/target.store';
import { runOperation } from './run-operation';

const POLL_MS = 500;
/** A claim is renewed while its holder lives, so that another instance takes over soon after it has died. */
const CLAIM_MS = 5_000;
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

  /** Runs the operation of a target and resolves with the target as it stands when it is done, or at `replyBy` (epoch, ms). */
  async runAndWait({ id, node_id }: Due, replyBy: number): Promise<TargetResponse> {
    const waitMs = Math.max(0, replyBy - Date.now());
    const over = AbortSignal.any([AbortSignal.timeout(waitMs), this.leaving.signal]);
    await Promise.race([this.run({ id, node_id }).then((mine) => (mine ? undefined : this.whenDone(id, over))), sleep(waitMs, over)]);
    const target = await inDatabase(this.parts.database, (tx) => findTarget(tx, id));
    if (!target) throw new Refused('TARGET_NOT_FOUND');
    return presentTarget(target);
  }

  /** Resolves when the operation was tried; false when every place of its node is taken or somebody else is at it. */
  private async run({ id, node_id }: Due): Promise<boolean> {
    const busy = this.atWork.get(node_id) ?? 0;
    if (busy >= this.parts.settings.OPERATIONS_PER_NODE || this.leaving.signal.aborted) return false;
    this.count(node_id, 1);
    try {
      const target = await inTransaction(this.parts.database, (tx) => claimOperation(tx, id, CLAIM_MS));
      if (!target) return false;
      await this.holdAndRun(target);
      return true;
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

  private async holdAndRun(target: Target): Promise<void> {
    const renewal = setInterval(() => {
      inDatabase(this.parts.database, (tx) => extendClaim(tx, target, CLAIM_MS)).catch(() => undefined);
    }, RENEW_MS);
    try {
      await runOperation(this.parts, target);
    } catch (err) {
      this.parts.log.error({ err, target_id: target.id, request_id: target.operation_request_id }, 'an operation was interrupted');
    } finally {
      clearInterval(renewal);
    }
  }

  private async whenDone(id: string, over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      await sleep(POLL_MS / 2, over);
      const target = await inDatabase(this.parts.database, (tx) => findTarget(tx, id));
      if (!target?.operation) return;
    }
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

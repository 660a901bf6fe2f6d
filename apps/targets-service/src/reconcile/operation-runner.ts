import { Refused, type TargetResponse } from '#contracts';
import { inDatabase, inTransaction } from '#database';
import { gauge, sleep } from '#runtime';
import type { Parts } from '../parts';
import type { Target } from '../targets/target.entity';
import { claimOperation, dueOperations, extendClaim, findTarget, presentTarget } from '../targets/target.store';
import { runOperation } from './run-operation';

const POLL_MS = 500;
/** A claim is renewed while its holder lives, so that another instance takes over soon after it has died. */
const CLAIM_MS = 10_000;
const RENEW_MS = 3_000;

const running = gauge('spindle_operations_running', 'Operations that wait for a storage node');

/**
 * Finishes operations: those just accepted, at once; those that a crash, a silent node or a full house left, when due.
 * A claim in the database keeps two instances from doing the same work; doing it twice would be harmless all the same.
 */
export class OperationRunner {
  private readonly atWork = new Set<Promise<void>>();
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
  async runAndWait(id: string, replyBy: number): Promise<TargetResponse> {
    const waitMs = Math.max(0, replyBy - Date.now());
    const over = AbortSignal.any([AbortSignal.timeout(waitMs), this.leaving.signal]);
    await Promise.race([this.run(id).then((mine) => (mine ? undefined : this.whenDone(id, over))), sleep(waitMs, over)]);
    const target = await inDatabase(this.parts.database, (tx) => findTarget(tx, id));
    if (!target) throw new Refused('TARGET_NOT_FOUND');
    return presentTarget(target);
  }

  /** Resolves when the operation was tried; false when every place is taken or somebody else is at it. */
  private async run(id: string): Promise<boolean> {
    if (this.atWork.size >= this.parts.settings.OPERATIONS_PER_NODE || this.leaving.signal.aborted) return false;
    const target = await inTransaction(this.parts.database, (tx) => claimOperation(tx, id, CLAIM_MS));
    if (!target) return false;
    const work: Promise<void> = this.holdAndRun(target).finally(() => {
      this.atWork.delete(work);
      running.set(this.atWork.size);
    });
    this.atWork.add(work);
    running.set(this.atWork.size);
    await work;
    return true;
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
      const places = this.parts.settings.OPERATIONS_PER_NODE - this.atWork.size;
      if (places <= 0 || !this.parts.bus.connected()) continue;
      const due = await inDatabase(this.parts.database, (tx) => dueOperations(tx, places)).catch(() => []);
      for (const id of due) this.run(id).catch((err: unknown) => this.parts.log.warn({ err, target_id: id }, 'an operation was not begun'));
    }
  }
}

import type { EntityManager } from 'typeorm';
import { Refused, type DeleteTarget, type InputOf, type TargetResponse } from '#contracts';
import { inOneGo } from '#database';
import { crashPoint } from '#runtime';
import type { Caller } from '../access/caller';
import { readingHeldNodes } from '../inventory/node.store';
import type { Parts } from '../parts';
import { CLAIM_MS } from '../reconcile/operation-runner';
import { moveTarget, writeMoves, type Move } from './change-target';
import type { Target } from './target.entity';
import { lockingTargets, presentTarget, targetsById } from './target.store';

/**
 * Deletes a target, whatever runs on it; a logged-in initiator is disconnected unless `if_idle` was asked.
 * Deleting a deleted one changes nothing and answers with it.
 * @throws Refused TARGET_NOT_FOUND, TARGET_IN_USE, NODE_HELD, RATE_LIMITED
 */
export const deleteTarget = async (parts: Parts, input: InputOf<typeof DeleteTarget>, caller: Caller): Promise<TargetResponse> => {
  const { target, begun } = await parts.together.deletes.do({ input, caller });
  if (target.status === 'INACTIVE') return presentTarget(target);
  crashPoint('targets.committed');
  parts.relay.nudge();
  const done = await parts.operations.runAndWait(target, caller.replyBy, begun ? target : undefined);
  refuseIfInUse(done);
  return done;
};

export interface AskedDelete {
  input: InputOf<typeof DeleteTarget>;
  caller: Caller;
}

export interface AcceptedDelete {
  target: Target;
  /** By this command: its operation is claimed. */
  begun: boolean;
}

/** Records several wishes in one transaction, one after the other. */
export const recordDeletes = async (tx: EntityManager, asked: AskedDelete[]): Promise<(AcceptedDelete | Refused)[]> => {
  crashPoint('targets.transaction-open');
  const [rows, heldRows] = await inOneGo(tx, [lockingTargets(asked.map(({ input }) => input.id)), readingHeldNodes]);
  const targets = targetsById(rows!);
  const held = new Set((heldRows as { id: string }[]).map(({ id }) => id));
  const moves: Move[] = [];
  const outcomes = asked.map(({ input, caller }) => {
    const target = targets.get(input.id);
    if (!target) return new Refused('TARGET_NOT_FOUND');
    if (target.status === 'INACTIVE' || target.operation === 'delete') return { target, begun: false };
    if (held.has(target.node_id)) return new Refused('NODE_HELD');
    const change = { if_idle: input.if_idle, last_error: null, disconnected: null };
    moves.push(moveTarget(target, 'delete-requested', change, { ...caller, action: 'targets.delete' }));
    return { target, begun: true };
  });
  if (moves.length > 0) await writeMoves(tx, moves, CLAIM_MS);
  return outcomes;
};

/** With `if_idle` the node itself is the judge: asking it beforehand would leave a gap in which the machine logs in. */
export const refuseIfInUse = (target: TargetResponse): void => {
  if (target.status === 'ACTIVE' && target.last_error?.code === 'TARGET_IN_USE')
    throw new Refused('TARGET_IN_USE', { resourceId: target.id });
};

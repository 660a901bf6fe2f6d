import { Refused, type DeleteTarget, type InputOf, type TargetResponse } from '#contracts';
import { inTransaction } from '#database';
import { crashPoint } from '#runtime';
import type { Caller } from '../access/caller';
import type { Parts } from '../parts';
import { changeTarget } from './change-target';
import { lockTarget, presentTarget } from './target.store';

/**
 * Deletes a target, whatever runs on it; a logged-in initiator is disconnected unless `if_idle` was asked.
 * Deleting a deleted one changes nothing and answers with it.
 * @throws Refused TARGET_NOT_FOUND, TARGET_IN_USE
 */
export const deleteTarget = async (parts: Parts, input: InputOf<typeof DeleteTarget>, caller: Caller): Promise<TargetResponse> => {
  const target = await inTransaction(parts.database, async (tx) => {
    const found = await lockTarget(tx, input.id);
    if (!found) throw new Refused('TARGET_NOT_FOUND');
    if (found.status === 'INACTIVE' || found.operation === 'delete') return found;
    const change = { if_idle: input.if_idle, last_error: null, disconnected: null };
    return changeTarget(tx, found, 'delete-requested', change, { ...caller, action: 'targets.delete' });
  });
  if (target.status === 'INACTIVE') return presentTarget(target);
  crashPoint('targets.committed');
  parts.relay.nudge();
  const done = await parts.operations.runAndWait(target, caller.replyBy);
  refuseIfInUse(done);
  return done;
};

/** With `if_idle` the node itself is the judge: asking it beforehand would leave a gap in which the machine logs in. */
export const refuseIfInUse = (target: TargetResponse): void => {
  if (target.status === 'ACTIVE' && target.last_error?.code === 'TARGET_IN_USE')
    throw new Refused('TARGET_IN_USE', { resourceId: target.id });
};

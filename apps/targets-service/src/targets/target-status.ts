import { NodeStatusReply, Refused, type GetTargetStatus, type InputOf, type TargetStatusResponse } from '#contracts';
import { inDatabase } from '#database';
import type { Caller } from '../access/caller';
import { findNode } from '../inventory/node.store';
import type { Parts } from '../parts';
import { askNode } from '../reconcile/ask-node';
import { currentWish } from '../reconcile/target-wish';
import { findTarget } from './target.store';

/**
 * What the kernel of the node shows of a target right now, and where that differs from the wish.
 * @throws Refused TARGET_NOT_FOUND, NODE_OFFLINE, NODE_WEDGED
 */
export const targetStatus = async (
  parts: Parts,
  { id }: InputOf<typeof GetTargetStatus>,
  caller: Caller,
): Promise<TargetStatusResponse> => {
  const { target, wish } = await inDatabase(parts.database, async (tx) => {
    const found = await findTarget(tx, id);
    if (!found) throw new Refused('TARGET_NOT_FOUND');
    const node = await findNode(tx, found.node_id);
    if (!node || node.status === 'offline') throw new Refused('NODE_OFFLINE');
    return { target: found, wish: currentWish(found, await parts.chap.forNode(tx, found, node)) };
  });
  const reply = await askNode(parts, target.node_id, 'status', { wish }, NodeStatusReply, {
    requestId: caller.requestId,
    timeoutMs: parts.settings.NODE_REQUEST_TIMEOUT_MS,
  });
  return { target_id: target.id, status: target.status, observed_at: reply.observed_at, node_id: target.node_id, ...reply.live };
};

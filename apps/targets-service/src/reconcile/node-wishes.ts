import { Refused, type TargetWish, type WishesReply } from '#contracts';
import { inDatabase } from '#database';
import { findNode } from '../inventory/node.store';
import type { Parts } from '../parts';
import { wishedTargetsOf } from '../targets/target.store';
import { currentWish } from './target-wish';

/**
 * The whole wish of a node, in pages: what should be there, and what is being deleted, until the node has confirmed that it is
 * gone. A create that failed is neither: its node was clean when it said so.
 * @throws Refused NODE_HELD
 */
export const nodeWishes = async (parts: Parts, nodeId: string, after: string | null, limit: number): Promise<WishesReply> => {
  return inDatabase(parts.database, async (tx) => {
    const node = await findNode(tx, nodeId);
    if (node ? node.held_at : parts.settings.RECONCILE === 'plan') throw new Refused('NODE_HELD');
    const targets = await wishedTargetsOf(tx, nodeId, after, limit);
    const wishes: TargetWish[] = [];
    for (const target of targets) wishes.push(currentWish(target, await parts.chap.forNode(tx, target, node)));
    return { wishes, next: targets.length < limit ? null : targets[targets.length - 1]!.id };
  });
};

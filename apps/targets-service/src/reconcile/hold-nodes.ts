import type { DataSource, EntityManager } from 'typeorm';
import { inTransaction } from '#database';
import { newId } from '#runtime';
import { SYSTEM } from '../access/caller';
import { allNodes, setHold } from '../inventory/node.store';
import { appendAudit } from '../outbox/outbox';

/** From now on nothing is sent to any node until its plan is accepted, whatever was accepted before. @returns how many there are */
export const holdAllNodes = (database: DataSource): Promise<number> => inTransaction(database, (tx) => holdNodes(tx, SYSTEM.actor));

export const holdNodes = async (tx: EntityManager, actor: string): Promise<number> => {
  const nodes = await allNodes(tx);
  const now = new Date();
  for (const { id, held_at } of nodes) {
    await setHold(tx, id, now);
    await appendAudit(tx, {
      actor,
      source: SYSTEM.source,
      action: 'node.held',
      resource: { type: 'node', id },
      outcome: 'allowed',
      code: null,
      requestId: newId(),
      before: { held_at },
      after: { held_at: now },
    });
  }
  return nodes.length;
};

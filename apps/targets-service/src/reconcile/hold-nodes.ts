import type { DataSource } from 'typeorm';
import { connectDatabase, inTransaction } from '#database';
import { createLog, newId } from '#runtime';
import { SCHEMA } from '../data-source';
import { appendAudit } from '../outbox/outbox';

/** From now on nothing is sent to any node until its plan is accepted, whatever was accepted before. @returns how many there are */
export const holdAllNodes = (database: DataSource, actor = 'system'): Promise<number> =>
  inTransaction(database, async (tx) => {
    const now = new Date();
    // no entity: a database that was just restored may have other columns
    const [nodes] = await tx.query<[{ id: string }[], number]>('UPDATE targets.storage_nodes SET held_at = $1 RETURNING id', [now]);
    for (const { id } of nodes)
      await appendAudit(tx, {
        actor,
        source: 'system',
        action: 'node.held',
        resource: { type: 'node', id },
        outcome: 'allowed',
        code: null,
        requestId: newId(),
        after: { held_at: now },
      });
    return nodes.length;
  });

/** Of a database that no service is at work on. @param url of the server, as its superuser */
export const holdNodesOf = async (url: string, actor: string): Promise<number> => {
  const database = await connectDatabase({
    url: Object.assign(new URL(url), { pathname: '/spindle' }).toString(),
    schema: SCHEMA,
    poolSize: 1,
    entities: [],
    log: createLog('restore', 'warn'),
    application: 'restore',
  });
  try {
    return await holdAllNodes(database, actor);
  } finally {
    await database.destroy();
  }
};

import { Refused, type InputOf, type ListNodes, type NodeResponse, type Page, type UpdateNode } from '#contracts';
import { inDatabase, inTransaction } from '#database';
import type { Caller } from '../access/caller';
import type { Parts } from '../parts';
import * as store from './node.store';
import { recordChange } from './record-change';

export const listNodes = async (parts: Parts, input: InputOf<typeof ListNodes>): Promise<Page<NodeResponse>> => {
  const page = await inDatabase(parts.database, (tx) => store.listNodes(tx, input));
  return { ...page, items: page.items.map(store.presentNode) };
};

/** @throws Refused NODE_NOT_FOUND */
export const updateNode = (parts: Parts, { id, cordoned }: InputOf<typeof UpdateNode>, caller: Caller): Promise<NodeResponse> =>
  inTransaction(parts.database, async (tx) => {
    const node = await store.lockNode(tx, id);
    if (!node) throw new Refused('NODE_NOT_FOUND');
    const after = store.presentNode({ ...node, cordoned });
    await store.setCordon(tx, id, cordoned);
    await recordChange(
      tx,
      'nodes.update',
      { type: 'node', id },
      caller,
      { before: { cordoned: node.cordoned }, after: { cordoned } },
      after,
    );
    return after;
  });

import type { InputOf, ListNodes, NodeResponse, Page } from '#contracts';
import { inDatabase } from '#database';
import type { Parts } from '../parts';
import * as store from './node.store';

export const listNodes = async (parts: Parts, input: InputOf<typeof ListNodes>): Promise<Page<NodeResponse>> => {
  const page = await inDatabase(parts.database, (tx) => store.listNodes(tx, input));
  return { ...page, items: page.items.map(store.presentNode) };
};

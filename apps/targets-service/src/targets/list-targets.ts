import type { InputOf, ListTargets, TargetListResponse } from '#contracts';
import { inDatabase } from '#database';
import type { Parts } from '../parts';
import { listTargets as listRows, presentTarget } from './target.store';

/** Newest first, by id: ids are made in order of time, so pages stay stable while targets are added. */
export const listTargets = async (parts: Parts, input: InputOf<typeof ListTargets>): Promise<TargetListResponse> => {
  const page = await inDatabase(parts.database, (tx) => listRows(tx, input));
  return { ...page, items: page.items.map(presentTarget) };
};

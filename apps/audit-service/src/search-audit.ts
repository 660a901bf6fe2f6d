import { SearchAudit, parseInput, type OutputOf } from '#contracts';
import { inDatabase } from '#database';
import type { RequestContext } from '#messaging';
import { admitAuditor } from './admit-auditor';
import { presentEntry, searchEntries } from './audit.store';
import type { Parts } from './parts';

/** Newest first. @throws Refused */
export const searchAudit = async (parts: Parts, body: unknown, context: RequestContext): Promise<OutputOf<typeof SearchAudit>> => {
  await admitAuditor(parts, body, context);
  const input = parseInput(SearchAudit.input, body);
  const page = await inDatabase(parts.database, (tx) => searchEntries(tx, input));
  return { ...page, items: page.items.map(presentEntry) };
};

import { SearchAudit, type OutputOf } from '#contracts';
import { inDatabase } from '#database';
import type { RequestContext } from '#messaging';
import { presentEntry, searchEntries } from './audit.store';
import type { Parts } from './parts';
import { readTrail } from './read-trail';

/** Newest first. @throws Refused */
export const searchAudit = (parts: Parts, body: unknown, context: RequestContext): Promise<OutputOf<typeof SearchAudit>> =>
  readTrail(parts, SearchAudit, body, context, async (input) => {
    const page = await inDatabase(parts.database, (tx) => searchEntries(tx, input));
    return { ...page, items: page.items.map(presentEntry) };
  });

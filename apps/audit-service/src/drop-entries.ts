import type { EntityManager } from 'typeorm';
import type { AuditIntent } from '#contracts';
import { newId } from '#runtime';
import { appendEntries } from './audit.store';
import { rootOf, treeSize } from './tree.store';
import { DROP_ACTION } from './verify-export';

/** Shorter than anybody who publishes an intent again keeps it: an entry that is gone could be recorded twice. */
const YOUNGEST_DAYS = 92;
const DAY_MS = 86_400_000;

export interface Drop {
  /** Whole months before this one go, `YYYY-MM`. */
  before: string;
  /** What the export covers that was verified, by its newest signed head; and the file's hash, hex, which goes into the trail. */
  exported: { size: number; root: Buffer; sha256: string };
  /** Who does it. */
  actor: string;
}

/** Nothing was dropped, for this reason. */
export class NotDropped extends Error {}

/** First moment of a month, UTC. @throws NotDropped for a text that is none, and for months that are too young */
export const startOfMonth = (month: string, now: Date): Date => {
  if (!/^\d{4}-(0[1-9]|1[0-2])$/.test(month)) throw new NotDropped(`${month} is no month: YYYY-MM`);
  const start = new Date(`${month}-01T00:00:00Z`);
  if (now.getTime() - start.getTime() < YOUNGEST_DAYS * DAY_MS)
    throw new NotDropped(`entries of the last ${YOUNGEST_DAYS} days stay: name an earlier month`);
  return start;
};

/**
 * Takes the oldest months out of the trail, as its owner; their hashes stay, so every proof goes on to hold, and an entry says what was
 * done. What no signed head and no export covers stays. The caller's transaction makes all of it happen or nothing.
 * @returns the last place that is gone
 * @throws NotDropped
 */
export const dropEntries = async (tx: EntityManager, { before, exported, actor }: Drop, now: Date): Promise<number> => {
  const start = startOfMonth(before, now);
  if (exported.size > (await treeSize(tx)) || !(await rootOf(tx, exported.size)).equals(exported.root))
    throw new NotDropped('the export is of another trail than this one');
  const [found] = await tx.query<{ up_to: string }[]>(
    // by place and not by time alone, since what goes must be a beginning; the newest entry gives the next one its place
    `SELECT coalesce((SELECT min(seq) - 1 FROM audit.entries WHERE recorded_at >= $1), (SELECT max(seq) - 1 FROM audit.entries), 0) AS up_to`,
    [start],
  );
  const upTo = Math.min(Number(found!.up_to), exported.size);
  const [oldest] = await tx.query<{ seq: string }[]>('SELECT coalesce(min(seq), 1) AS seq FROM audit.entries');
  if (upTo < Number(oldest!.seq)) throw new NotDropped(`there is nothing before ${before} that was exported`);
  const entry: AuditIntent = {
    id: newId(),
    time: now.toISOString(),
    actor,
    source: 'system',
    action: DROP_ACTION,
    resource: { type: 'audit', id: null },
    outcome: 'allowed',
    code: null,
    request_id: 'none',
    before: { from: Number(oldest!.seq) },
    after: { up_to: upTo, before, export_sha256: exported.sha256 },
  };
  await appendEntries(tx, [entry]);
  await tx.query('ALTER TABLE audit.entries DISABLE TRIGGER refuse_change');
  await tx.query('DELETE FROM audit.entries WHERE seq <= $1', [upTo]);
  await tx.query('ALTER TABLE audit.entries ENABLE ALWAYS TRIGGER refuse_change');
  return upTo;
};

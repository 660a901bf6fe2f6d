import { And, LessThan, LessThanOrEqual, MoreThan, MoreThanOrEqual, type EntityManager, type FindOptionsWhere } from 'typeorm';
import type { AuditEntry, AuditIntent, InputOf, Page, SearchAudit } from '#contracts';
import { listPage } from '#database';
import { crashPoint } from '#runtime';
import { AuditEntryRow } from './audit-entry.entity';
import { leafOf, type LeafEntry } from './entry-leaf';
import { subjectsOf } from './subjects-of';
import { addLeaf } from './tree.store';

/** All SQL of the trail. Every function takes the transaction, so that the call shows what is inside one. */

/**
 * The entry's place, or undefined when an entry with this id is there already. The database gives out the place; what is hashed is
 * what the database says that it has stored.
 */
export const appendEntry = async (tx: EntityManager, intent: AuditIntent): Promise<number | undefined> => {
  crashPoint('audit.transaction-open');
  const { target_id, machine_id } = subjectsOf(intent);
  const json = (value: unknown) => (value === null ? null : JSON.stringify(value));
  const [appended] = await tx.query<StoredEntry[]>(
    `INSERT INTO audit.entries (id, time, actor, source, action, resource_type, resource_id, target_id, machine_id, outcome, code,
       request_id, before, after)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
     ON CONFLICT (id) DO NOTHING RETURNING *`,
    [
      intent.id,
      intent.time,
      intent.actor,
      intent.source,
      intent.action,
      intent.resource.type,
      intent.resource.id,
      target_id,
      machine_id,
      intent.outcome,
      intent.code,
      intent.request_id,
      json(intent.before),
      json(intent.after),
    ],
  );
  crashPoint('audit.row-inserted');
  if (!appended) return undefined;
  const entry = leafEntry(rowOf(appended));
  await addLeaf(tx, entry.seq, leafOf(entry));
  crashPoint('audit.leaf-appended');
  return entry.seq;
};

/** As the driver gives it: the place as text. */
type StoredEntry = Omit<AuditEntryRow, 'seq'> & { seq: string };
const rowOf = (stored: StoredEntry): AuditEntryRow => ({ ...stored, seq: Number(stored.seq) });

/** At most `limit` entries behind a place, in order. */
export const entriesAfter = async (
  tx: EntityManager,
  filters: Filters,
  after: number,
  upTo: number,
  limit: number,
): Promise<LeafEntry[]> => {
  const rows = await tx.find(AuditEntryRow, {
    where: { ...whereOf(filters), seq: And(MoreThan(after), LessThanOrEqual(upTo)) },
    order: { seq: 'ASC' },
    take: limit,
  });
  return rows.map(leafEntry);
};

/** Place of the oldest entry that is still here; 1 while there is none. */
export const firstSeq = async (tx: EntityManager): Promise<number> => {
  const [first] = await tx.query<{ seq: string }[]>('SELECT coalesce(min(seq), 1) AS seq FROM audit.entries');
  return Number(first!.seq);
};

export const lastSeq = async (tx: EntityManager): Promise<number> => {
  const [last] = await tx.query<{ seq: string }[]>('SELECT coalesce(max(seq), 0) AS seq FROM audit.entries');
  return Number(last?.seq ?? 0);
};

export const searchEntries = (tx: EntityManager, input: InputOf<typeof SearchAudit>): Promise<Page<AuditEntryRow>> => {
  const { limit, cursor, ...filters } = input;
  return listPage(tx, AuditEntryRow, { key: 'seq', limit, cursor, filters, where: whereOf(filters) });
};

export type Filters = Omit<InputOf<typeof SearchAudit>, 'limit' | 'cursor'>;

const whereOf = ({ from, to, correlation_id, ...equal }: Filters): FindOptionsWhere<AuditEntryRow> => {
  const asked = Object.entries({ ...equal, request_id: correlation_id }).filter(([, value]) => value !== undefined);
  const times = [...(from ? [MoreThanOrEqual(new Date(from))] : []), ...(to ? [LessThan(new Date(to))] : [])];
  return { ...Object.fromEntries(asked), ...(times.length > 0 ? { time: And(...times) } : {}) };
};

export const presentEntry = (row: AuditEntryRow): AuditEntry => ({
  id: row.id,
  seq: row.seq,
  time: row.time.toISOString(),
  actor: row.actor,
  source: row.source,
  action: row.action,
  resource: { type: row.resource_type, id: row.resource_id },
  outcome: row.outcome,
  code: row.code,
  request_id: row.request_id,
  before: row.before as AuditEntry['before'],
  after: row.after as AuditEntry['after'],
});

export const leafEntry = (row: AuditEntryRow): LeafEntry => ({
  ...presentEntry(row),
  recorded_at: row.recorded_at.toISOString(),
  target_id: row.target_id,
  machine_id: row.machine_id,
});

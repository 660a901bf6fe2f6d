import { And, LessThan, LessThanOrEqual, MoreThan, MoreThanOrEqual, type EntityManager, type FindOptionsWhere } from 'typeorm';
import type { AuditEntry, AuditIntent, InputOf, Page, SearchAudit } from '#contracts';
import { listPage } from '#database';
import { crashPoint } from '#runtime';
import { AuditEntryRow } from './audit-entry.entity';
import { leafOf, type LeafEntry } from './entry-leaf';
import { subjectsOf } from './subjects-of';
import { addLeaves } from './tree.store';

/** All SQL of the trail. Every function takes the transaction, so that the call shows what is inside one. */

/**
 * Appends what is not there already, by its id, in this order and without gaps. The database gives out the places; what is hashed is
 * what the database says that it has stored.
 * @returns those that were not
 */
export const appendEntries = async (tx: EntityManager, intents: AuditIntent[]): Promise<LeafEntry[]> => {
  crashPoint('audit.transaction-open');
  const appended = (await tx.query<StoredEntry[]>(APPEND, [JSON.stringify(intents.map(columnsOf))])).map(rowOf).map(leafEntry);
  crashPoint('audit.row-inserted');
  if (appended.length > 0) await addLeaves(tx, appended[0]!.seq, appended.map(leafOf));
  crashPoint('audit.leaf-appended');
  return appended;
};

/** Rows of one command are inserted in order, and the trigger that gives out the places sees those before it. */
const APPEND = `
  INSERT INTO audit.entries (id, time, actor, source, action, resource_type, resource_id, target_id, machine_id, outcome, code,
    request_id, before, after)
  SELECT id, time, actor, source, action, resource_type, resource_id, target_id, machine_id, outcome, code, request_id, before, after
  FROM ROWS FROM (jsonb_to_recordset($1::jsonb) AS (id uuid, time timestamptz, actor text, source text, action text,
    resource_type text, resource_id text, target_id uuid, machine_id uuid, outcome text, code text, request_id text, before jsonb,
    after jsonb)) WITH ORDINALITY ORDER BY ordinality
  ON CONFLICT (id) DO NOTHING RETURNING *`;

const columnsOf = ({ resource, ...intent }: AuditIntent) => ({
  ...intent,
  ...subjectsOf({ resource, ...intent }),
  resource_type: resource.type,
  resource_id: resource.id,
});

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

import { createHash } from 'node:crypto';
import { LessThan, type EntityManager, type EntityTarget, type FindOptionsOrder, type FindOptionsWhere, type ObjectLiteral } from 'typeorm';
import { Refused, type Page } from '#contracts';

/** Entries that `total` counts; a count of everything would read the whole table on every page. */
const COUNTED = 10_000;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

interface PageRequest<T> {
  limit: number;
  cursor?: string;
  /** Column that falls from one entry to the next and is unique. */
  key?: 'id' | 'seq';
  /** What an id looks like; a cursor is a client's text. UUIDs when left out. */
  ids?: RegExp;
  /** What the client asked for: a cursor is good for the same filters only. */
  filters: Record<string, unknown>;
  where: FindOptionsWhere<T>;
}

/**
 * One page, highest key first. It goes on below a key and not after a number of rows, so entries that are added meanwhile
 * neither repeat nor hide any.
 * @throws Refused INVALID_CURSOR for one that is not ours, or was made with other filters.
 */
export const listPage = async <T extends ObjectLiteral>(
  tx: EntityManager,
  entity: EntityTarget<T>,
  { limit, cursor, key = 'id', ids = UUID, filters, where }: PageRequest<T>,
): Promise<Page<T>> => {
  const below = cursor === undefined ? {} : { [key]: LessThan(readCursor(cursor, key === 'id' ? ids : 'number', filters)) };
  const order = { [key]: 'DESC' } as FindOptionsOrder<T>;
  const rows = await tx.find(entity, { where: { ...where, ...below }, order, take: limit + 1 });
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const matching = await countMatching(tx, entity, where);
  return {
    items,
    next_cursor: rows.length > limit && last ? writeCursor(last[key] as string | number, filters) : null,
    total: Math.min(matching, COUNTED),
    ...(matching > COUNTED ? { total_capped: true } : {}),
  };
};

const countMatching = async <T extends ObjectLiteral>(tx: EntityManager, entity: EntityTarget<T>, where: FindOptionsWhere<T>) => {
  const query = tx.createQueryBuilder(entity, 'row').setFindOptions({ where, select: {} }).select('1');
  const [sql, parameters] = query.limit(COUNTED + 1).getQueryAndParameters();
  const [found] = await tx.query<{ count: number }[]>(`SELECT count(*)::int AS count FROM (${sql}) AS matching`, parameters);
  return found?.count ?? 0;
};

const checksum = (position: unknown, filters: Record<string, unknown>): string => {
  const asked = Object.entries(filters)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([position, asked]))
    .digest('base64url')
    .slice(0, 16);
};

const writeCursor = (position: string | number, filters: Record<string, unknown>): string =>
  Buffer.from(JSON.stringify([position, checksum(position, filters)])).toString('base64url');

const readCursor = (cursor: string, expected: RegExp | 'number', filters: Record<string, unknown>): string | number => {
  let read: unknown;
  try {
    read = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    throw new Refused('INVALID_CURSOR');
  }
  const [position, sum] = Array.isArray(read) ? (read as unknown[]) : [];
  if (sum !== checksum(position, filters)) throw new Refused('INVALID_CURSOR');
  if (expected === 'number' ? Number.isSafeInteger(position) : typeof position === 'string' && expected.test(position))
    return position as string | number;
  throw new Refused('INVALID_CURSOR');
};

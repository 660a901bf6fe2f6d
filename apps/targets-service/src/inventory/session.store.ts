import { In, IsNull, Not, type EntityManager, type FindOptionsWhere } from 'typeorm';
import type { InputOf, ListSessions, Page, SessionResponse } from '#contracts';
import { listPage } from '#database';
import { BootSession } from './session.entity';

export const findSession = (tx: EntityManager, id: string): Promise<BootSession | null> =>
  tx.findOneBy(BootSession, { id, deleted_at: IsNull() });

export const findSessions = (tx: EntityManager, ids: string[]): Promise<BootSession[]> =>
  ids.length === 0 ? Promise.resolve([]) : tx.findBy(BootSession, { id: In(ids), deleted_at: IsNull() });

export const lockSession = (tx: EntityManager, id: string): Promise<BootSession | null> =>
  tx.findOne(BootSession, { where: { id, deleted_at: IsNull() }, lock: { mode: 'pessimistic_write' } });

export const hasOpenSession = (tx: EntityManager, column: 'machine_id' | 'user_id', id: string): Promise<boolean> =>
  tx.existsBy(BootSession, { [column]: id, ended_at: IsNull(), deleted_at: IsNull() });

export const insertSession = (tx: EntityManager, session: BootSession): Promise<unknown> => tx.insert(BootSession, session);

export const updateSession = (tx: EntityManager, { id, ...columns }: BootSession): Promise<unknown> =>
  tx.update(BootSession, { id }, columns);

export const listSessions = (tx: EntityManager, input: InputOf<typeof ListSessions>): Promise<Page<BootSession>> => {
  const { limit, cursor, ...filters } = input;
  const where: FindOptionsWhere<BootSession> = { deleted_at: IsNull() };
  if (filters.machine_id) where.machine_id = filters.machine_id;
  if (filters.user_id) where.user_id = filters.user_id;
  if (filters.open !== undefined) where.ended_at = filters.open ? IsNull() : Not(IsNull());
  return listPage(tx, BootSession, { limit, cursor, filters, where });
};

export const presentSession = (session: BootSession): SessionResponse => ({
  id: session.id,
  machine_id: session.machine_id,
  user_id: session.user_id,
  started_at: session.started_at.toISOString(),
  ended_at: session.ended_at?.toISOString() ?? null,
});

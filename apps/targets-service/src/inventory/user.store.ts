import { IsNull, type EntityManager, type FindOptionsWhere } from 'typeorm';
import type { InputOf, ListUsers, Page, UserResponse } from '#contracts';
import { listPage } from '#database';
import { User } from './user.entity';

export const findUser = (tx: EntityManager, id: string): Promise<User | null> => tx.findOneBy(User, { id, deleted_at: IsNull() });

/** Names that differ in case only are one name: people type them. */
/** A login may name any text; Postgres answers U+0000 with an error, and nobody is called so. */
export const findUserByName = async (tx: EntityManager, username: string): Promise<User | null> =>
  username.includes('\0')
    ? null
    : tx.createQueryBuilder(User, 'user').where('lower(username) = lower(:username) AND deleted_at IS NULL', { username }).getOne();

export const lockUser = (tx: EntityManager, id: string): Promise<User | null> =>
  tx.findOne(User, { where: { id, deleted_at: IsNull() }, lock: { mode: 'pessimistic_write' } });

/** Locked in one order, so that two admins cannot take the last admin's role from each other at the same time. */
export const lockAdmins = (tx: EntityManager): Promise<User[]> =>
  tx.find(User, { where: { role: 'admin', deleted_at: IsNull() }, order: { id: 'ASC' }, lock: { mode: 'pessimistic_write' } });

export const countUsers = (tx: EntityManager): Promise<number> => tx.countBy(User, { deleted_at: IsNull() });

export const insertUser = (tx: EntityManager, user: User): Promise<unknown> => tx.insert(User, user);

export const updateUser = (tx: EntityManager, { id, ...columns }: User): Promise<unknown> => tx.update(User, { id }, columns);

export const listUsers = (tx: EntityManager, { limit, cursor, ...filters }: InputOf<typeof ListUsers>): Promise<Page<User>> => {
  const where: FindOptionsWhere<User> = { deleted_at: IsNull() };
  if (filters.username) where.username = filters.username;
  return listPage(tx, User, { limit, cursor, filters, where });
};

export const presentUser = (user: User): UserResponse => ({
  id: user.id,
  username: user.username,
  role: user.role,
  created_at: user.created_at.toISOString(),
  updated_at: user.updated_at.toISOString(),
});

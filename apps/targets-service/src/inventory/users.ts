import type { EntityManager } from 'typeorm';
import {
  Refused,
  type CreateUser,
  type DeleteUser,
  type ErrorCode,
  type GetUser,
  type InputOf,
  type ListUsers,
  type Page,
  type UpdateUser,
  type UserResponse,
} from '#contracts';
import { inDatabase, inTransaction, refuseTaken } from '#database';
import { newId } from '#runtime';
import { revokeTokensOf } from '../access/api-token.store';
import type { Caller } from '../access/caller';
import { hashPassword } from '../access/password';
import type { Parts } from '../parts';
import { recordChange } from './record-change';
import { hasOpenSession } from './session.store';
import { User } from './user.entity';
import * as store from './user.store';

const TAKEN: Record<string, ErrorCode> = { users_username: 'USERNAME_TAKEN' };

/** @throws Refused USERNAME_TAKEN */
export const createUser = async (parts: Parts, input: InputOf<typeof CreateUser>, caller: Caller): Promise<UserResponse> => {
  const hash = await hashPassword(input.password);
  return inTransaction(parts.database, async (tx) => {
    const now = new Date();
    const user = Object.assign(new User(), {
      id: newId(),
      username: input.username,
      password_hash: hash,
      role: input.role,
      created_at: now,
      updated_at: now,
      deleted_at: null,
      token_epoch: 0,
    } satisfies User);
    await refuseTaken(store.insertUser(tx, user), TAKEN);
    const after = store.presentUser(user);
    await recordChange(tx, 'users.create', { type: 'user', id: user.id }, caller, { after });
    return after;
  });
};

export const listUsers = async (parts: Parts, input: InputOf<typeof ListUsers>): Promise<Page<UserResponse>> => {
  const page = await inDatabase(parts.database, (tx) => store.listUsers(tx, input));
  return { ...page, items: page.items.map(store.presentUser) };
};

/** @throws Refused USER_NOT_FOUND */
export const getUser = async (parts: Parts, { id }: InputOf<typeof GetUser>): Promise<UserResponse> => {
  const user = await inDatabase(parts.database, (tx) => store.findUser(tx, id));
  if (!user) throw new Refused('USER_NOT_FOUND');
  return store.presentUser(user);
};

/** @throws Refused USER_NOT_FOUND, LAST_ADMIN */
export const updateUser = async (parts: Parts, input: InputOf<typeof UpdateUser>, caller: Caller): Promise<UserResponse> => {
  const { id, password, role } = input;
  const hash = password === undefined ? undefined : await hashPassword(password);
  return inTransaction(parts.database, async (tx) => {
    const user = await store.lockUser(tx, id);
    if (!user) throw new Refused('USER_NOT_FOUND');
    if (role && role !== 'admin') await keepAnAdmin(tx, user);
    const before = store.presentUser(user);
    Object.assign(user, { role: role ?? user.role, updated_at: new Date() });
    // Whoever knew the old password is logged out.
    if (hash !== undefined) Object.assign(user, { password_hash: hash, token_epoch: user.token_epoch + 1 });
    await store.updateUser(tx, user);
    const after = store.presentUser(user);
    const states = { before, after: { ...after, password_changed: hash !== undefined } };
    await recordChange(tx, 'users.update', { type: 'user', id }, caller, states, after);
    return after;
  });
};

/** @throws Refused USER_NOT_FOUND, USER_IN_USE, LAST_ADMIN */
export const deleteUser = (parts: Parts, { id }: InputOf<typeof DeleteUser>, caller: Caller): Promise<UserResponse> =>
  inTransaction(parts.database, async (tx) => {
    const user = await store.lockUser(tx, id);
    if (!user) throw new Refused('USER_NOT_FOUND');
    await keepAnAdmin(tx, user);
    if (await hasOpenSession(tx, 'user_id', id)) throw new Refused('USER_IN_USE');
    const before = store.presentUser(user);
    await store.updateUser(tx, { ...user, deleted_at: new Date() });
    await revokeTokensOf(tx, id);
    await recordChange(tx, 'users.delete', { type: 'user', id }, caller, { before });
    return before;
  });

const keepAnAdmin = async (tx: EntityManager, user: User): Promise<void> => {
  if (user.role !== 'admin') return;
  const admins = await store.lockAdmins(tx);
  if (admins.every(({ id }) => id === user.id)) throw new Refused('LAST_ADMIN');
};

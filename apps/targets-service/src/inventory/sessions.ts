import {
  Refused,
  type CreateSession,
  type DeleteSession,
  type GetSession,
  type InputOf,
  type ListSessions,
  type Page,
  type SessionResponse,
  type UpdateSession,
} from '#contracts';
import { inDatabase, inTransaction } from '#database';
import { newId } from '#runtime';
import type { Caller } from '../access/caller';
import type { Parts } from '../parts';
import { hasLiveTarget } from '../targets/target.store';
import { lockMachine } from './machine.store';
import { recordChange } from './record-change';
import { BootSession } from './session.entity';
import * as store from './session.store';
import { lockUser } from './user.store';

/** @throws Refused MACHINE_NOT_FOUND, USER_NOT_FOUND */
export const createSession = (parts: Parts, input: InputOf<typeof CreateSession>, caller: Caller): Promise<SessionResponse> =>
  inTransaction(parts.database, async (tx) => {
    if (!(await lockMachine(tx, input.machine_id))) throw new Refused('MACHINE_NOT_FOUND');
    if (input.user_id && !(await lockUser(tx, input.user_id))) throw new Refused('USER_NOT_FOUND');
    const session = Object.assign(new BootSession(), {
      id: newId(),
      machine_id: input.machine_id,
      user_id: input.user_id ?? null,
      started_at: input.started_at ? new Date(input.started_at) : new Date(),
      ended_at: null,
      deleted_at: null,
    } satisfies BootSession);
    await store.insertSession(tx, session);
    const after = store.presentSession(session);
    await recordChange(tx, 'sessions.create', { type: 'session', id: session.id }, caller, { after });
    return after;
  });

export const listSessions = async (parts: Parts, input: InputOf<typeof ListSessions>): Promise<Page<SessionResponse>> => {
  const page = await inDatabase(parts.database, (tx) => store.listSessions(tx, input));
  return { ...page, items: page.items.map(store.presentSession) };
};

/** @throws Refused SESSION_NOT_FOUND */
export const getSession = async (parts: Parts, { id }: InputOf<typeof GetSession>): Promise<SessionResponse> => {
  const session = await inDatabase(parts.database, (tx) => store.findSession(tx, id));
  if (!session) throw new Refused('SESSION_NOT_FOUND');
  return store.presentSession(session);
};

/** An ended session stays as it is. @throws Refused SESSION_NOT_FOUND, SESSION_ENDED, USER_NOT_FOUND, INVALID_VALUE */
export const updateSession = (parts: Parts, { id, ...change }: InputOf<typeof UpdateSession>, caller: Caller): Promise<SessionResponse> =>
  inTransaction(parts.database, async (tx) => {
    const session = await store.lockSession(tx, id);
    if (!session) throw new Refused('SESSION_NOT_FOUND');
    if (session.ended_at) throw new Refused('SESSION_ENDED');
    if (change.user_id && !(await lockUser(tx, change.user_id))) throw new Refused('USER_NOT_FOUND');
    const endedAt = change.ended_at ? new Date(change.ended_at) : null;
    if (endedAt && endedAt < session.started_at)
      throw new Refused('INVALID_VALUE', {
        errors: [{ field: 'ended_at', code: 'INVALID_VALUE', message: 'must not be before started_at' }],
      });
    const before = store.presentSession(session);
    Object.assign(session, { user_id: change.user_id ?? session.user_id, ended_at: endedAt });
    await store.updateSession(tx, session);
    const after = store.presentSession(session);
    await recordChange(tx, 'sessions.update', { type: 'session', id }, caller, { before, after });
    return after;
  });

/** @throws Refused SESSION_NOT_FOUND, SESSION_IN_USE */
export const deleteSession = (parts: Parts, { id }: InputOf<typeof DeleteSession>, caller: Caller): Promise<SessionResponse> =>
  inTransaction(parts.database, async (tx) => {
    const session = await store.lockSession(tx, id);
    if (!session) throw new Refused('SESSION_NOT_FOUND');
    if (await hasLiveTarget(tx, 'session_id', id)) throw new Refused('SESSION_IN_USE');
    const before = store.presentSession(session);
    await store.updateSession(tx, { ...session, deleted_at: new Date() });
    await recordChange(tx, 'sessions.delete', { type: 'session', id }, caller, { before });
    return before;
  });

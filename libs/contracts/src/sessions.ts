import { z } from 'zod';
import { listOf, page } from './lists';
import { Id, Time, coded } from './names';
import { request } from './request';

export const SessionResponse = z
  .object({ id: Id, machine_id: Id, user_id: Id.nullable(), started_at: Time, ended_at: Time.nullable() })
  .describe('A boot session: who uses which machine, when.')
  .meta({ id: 'SessionResponse' });
export const SessionListResponse = listOf(SessionResponse).meta({ id: 'SessionListResponse' });
export const SessionCreateRequest = z
  .strictObject({ machine_id: Id, user_id: Id.optional(), started_at: Time.optional().describe('By default now.') })
  .meta({ id: 'SessionCreateRequest' });

const byId = z.strictObject({ id: Id });

export const CreateSession = request({
  subject: 'sessions.create',
  kind: 'command',
  summary: 'Open a boot session',
  input: SessionCreateRequest,
  output: SessionResponse,
  http: { method: 'POST', path: '/sessions', success: [201] },
  errors: ['MACHINE_NOT_FOUND', 'USER_NOT_FOUND'],
});

export const ListSessions = request({
  subject: 'sessions.list',
  kind: 'query',
  summary: 'List boot sessions, newest first',
  input: z.strictObject({
    ...page,
    machine_id: Id.optional(),
    user_id: Id.optional(),
    open: z.boolean(coded('WRONG_TYPE', 'must be true or false')).optional().describe('true: only open ones; false: only ended ones.'),
  }),
  output: SessionListResponse,
  http: { method: 'GET', path: '/sessions', success: [200] },
  errors: ['INVALID_CURSOR'],
});

export const GetSession = request({
  subject: 'sessions.get',
  kind: 'query',
  summary: 'Get one boot session',
  input: byId,
  output: SessionResponse,
  http: { method: 'GET', path: '/sessions/{id}', success: [200] },
  errors: ['SESSION_NOT_FOUND'],
});

export const UpdateSession = request({
  subject: 'sessions.update',
  kind: 'command',
  summary: 'End a boot session, or name its user',
  input: z.strictObject({ id: Id, user_id: Id.optional(), ended_at: Time.optional().describe('Ends the session.') }),
  output: SessionResponse,
  http: { method: 'PATCH', path: '/sessions/{id}', success: [200] },
  errors: ['SESSION_NOT_FOUND', 'SESSION_ENDED', 'USER_NOT_FOUND'],
});

export const DeleteSession = request({
  subject: 'sessions.delete',
  kind: 'command',
  summary: 'Forget a boot session that no live target belongs to',
  input: byId,
  output: SessionResponse,
  http: { method: 'DELETE', path: '/sessions/{id}', success: [200] },
  errors: ['SESSION_NOT_FOUND', 'SESSION_IN_USE'],
});

export type SessionResponse = z.infer<typeof SessionResponse>;

import { z } from 'zod';
import { listOf, page } from './lists';
import { Id, Name, Time, coded } from './names';
import { request } from './request';

export const Role = z
  .enum(['viewer', 'operator', 'admin', 'auditor'], coded('INVALID_VALUE', 'must be viewer, operator, admin or auditor'))
  .describe(
    'viewer reads; operator also changes targets, machines, images and sessions; admin also users and nodes; auditor is a viewer who reads the audit trail.',
  )
  .meta({ id: 'Role' });

/** Names that stand in the audit trail for someone who is no user. */
export const RESERVED_ACTORS = ['system', 'anonymous'] as const;

export const Username = Name.refine((name) => !(RESERVED_ACTORS as readonly string[]).includes(name.toLowerCase()), {
  error: coded('INVALID_NAME', 'is reserved'),
});
/** Upper limit: argon2id would hash any length, and a megabyte of password is a way to keep it busy. */
export const Password = z
  .string(coded('WRONG_TYPE', 'must be a string'))
  .min(12, coded('INVALID_PASSWORD', 'must have at least 12 characters'))
  .max(128, coded('INVALID_PASSWORD', 'must have at most 128 characters'));

export const UserResponse = z
  .object({ id: Id, username: Name, role: Role, created_at: Time, updated_at: Time })
  .meta({ id: 'UserResponse' });
export const UserListResponse = listOf(UserResponse).meta({ id: 'UserListResponse' });
export const UserCreateRequest = z.strictObject({ username: Username, password: Password, role: Role }).meta({ id: 'UserCreateRequest' });

const byId = z.strictObject({ id: Id });

export const CreateUser = request({
  subject: 'users.create',
  kind: 'command',
  summary: 'Add a user',
  input: UserCreateRequest,
  output: UserResponse,
  http: { method: 'POST', path: '/users', success: [201] },
  errors: ['USERNAME_TAKEN', 'INVALID_NAME', 'INVALID_PASSWORD'],
});

export const ListUsers = request({
  subject: 'users.list',
  kind: 'query',
  summary: 'List users, newest first',
  input: z.strictObject({ ...page, username: Name.optional() }),
  output: UserListResponse,
  http: { method: 'GET', path: '/users', success: [200] },
  errors: ['INVALID_CURSOR'],
});

export const GetUser = request({
  subject: 'users.get',
  kind: 'query',
  summary: 'Get one user',
  input: byId,
  output: UserResponse,
  http: { method: 'GET', path: '/users/{id}', success: [200] },
  errors: ['USER_NOT_FOUND'],
});

export const UpdateUser = request({
  subject: 'users.update',
  kind: 'command',
  summary: 'Change password or role of a user',
  input: z.strictObject({ id: Id, password: Password.optional(), role: Role.optional() }),
  output: UserResponse,
  http: { method: 'PATCH', path: '/users/{id}', success: [200] },
  errors: ['USER_NOT_FOUND', 'LAST_ADMIN', 'INVALID_PASSWORD'],
});

export const DeleteUser = request({
  subject: 'users.delete',
  kind: 'command',
  summary: 'Remove a user who has no open session',
  input: byId,
  output: UserResponse,
  http: { method: 'DELETE', path: '/users/{id}', success: [200] },
  errors: ['USER_NOT_FOUND', 'USER_IN_USE', 'LAST_ADMIN'],
});

export const LoginResponse = z
  .object({ access_token: z.string(), token_type: z.literal('Bearer'), expires_in: z.int().describe('Seconds.') })
  .meta({ id: 'LoginResponse' });

export const Login = request({
  subject: 'auth.login',
  kind: 'command',
  summary: 'Log in; the token is good for expires_in seconds',
  input: z
    .strictObject({
      username: z
        .string(coded('WRONG_TYPE', 'must be a string'))
        .min(1, coded('REQUIRED_FIELD', 'is required'))
        .max(64, coded('INVALID_NAME', 'is too long')),
      password: z
        .string(coded('WRONG_TYPE', 'must be a string'))
        .min(1, coded('REQUIRED_FIELD', 'is required'))
        .max(128, coded('INVALID_PASSWORD', 'is too long')),
    })
    .meta({ id: 'LoginRequest' }),
  output: LoginResponse,
  http: { method: 'POST', path: '/auth/login', success: [200] },
  errors: ['LOGIN_FAILED', 'LOGIN_LOCKED'],
});

export type Role = z.infer<typeof Role>;
export type UserResponse = z.infer<typeof UserResponse>;

import { z } from 'zod';
import { listOf, page } from './lists';
import { Id, Name, Time } from './names';
import { request } from './request';
import { LoginResponse, Role } from './users';

/** `spt_`, the id without dashes, and 256 random bits. The fixed beginning lets scanners of repositories and logs find a leaked one. */
export const API_TOKEN_PATTERN = /^spt_([0-9a-f]{32})_([A-Za-z0-9_-]{43})$/;

const tokenFields = {
  id: Id,
  name: Name.describe('What it is for, once among the tokens of its user.'),
  user_id: Id.describe('Whose it is: it may never do more than this user, and ends with it.'),
  username: Name,
  role: Role.describe('What it may do now: the lower of the role it was made with and the role of its user.'),
  created_at: Time,
  expires_at: Time.nullable().describe('When it stops being accepted; null when it has no end.'),
  last_used_at: Time.nullable().describe('Last use, to five minutes; null when it was never used.'),
};

export const TokenResponse = z.object(tokenFields).meta({ id: 'TokenResponse' });
export const TokenListResponse = listOf(TokenResponse).meta({ id: 'TokenListResponse' });
export const TokenCreateResponse = z
  .object({
    ...tokenFields,
    token: z
      .string()
      .optional()
      .describe('The token, shown this once: only its hash is kept. Missing when the same Idempotency-Key is answered again.'),
  })
  .meta({ id: 'TokenCreateResponse' });

export const CreateToken = request({
  subject: 'tokens.create',
  kind: 'command',
  summary: 'Make an API token for oneself; needs a login, an API token makes no other',
  input: z
    .strictObject({
      name: Name.describe('What it is for, once among the tokens of its user.'),
      role: Role.optional().describe('At most the role of the user, which is the default.'),
      expires_at: Time.optional().describe('When it stops being accepted; without it, when it is revoked.'),
    })
    .meta({ id: 'TokenCreateRequest' }),
  output: TokenCreateResponse,
  http: { method: 'POST', path: '/tokens', success: [201] },
  errors: ['TOKEN_NAME_TAKEN', 'TOKEN_LIMIT', 'ROLE_TOO_HIGH', 'INVALID_NAME'],
});

export const ListTokens = request({
  subject: 'tokens.list',
  kind: 'query',
  summary: 'List API tokens that are not revoked, newest first: one’s own, and for an admin everybody’s',
  input: z.strictObject({ ...page, user_id: Id.optional().describe('Of this user alone.') }),
  output: TokenListResponse,
  http: { method: 'GET', path: '/tokens', success: [200] },
  errors: ['INVALID_CURSOR'],
});

export const RevokeToken = request({
  subject: 'tokens.revoke',
  kind: 'command',
  summary: 'Revoke an API token: one’s own, and for an admin anybody’s; an API token may revoke itself',
  input: z.strictObject({ id: Id }),
  output: TokenResponse,
  http: { method: 'DELETE', path: '/tokens/{id}', success: [200] },
  errors: ['TOKEN_NOT_FOUND'],
});

/** A query, since it changes nothing and its answer must not be kept for an Idempotency-Key. */
export const ExchangeToken = request({
  subject: 'auth.exchange',
  kind: 'query',
  summary: 'Get a short access token for the API token that is sent as Authorization',
  input: z.strictObject({}).meta({ id: 'ExchangeRequest' }),
  output: LoginResponse,
  http: { method: 'POST', path: '/auth/exchange', success: [200] },
  errors: [],
});

export type TokenResponse = z.infer<typeof TokenResponse>;

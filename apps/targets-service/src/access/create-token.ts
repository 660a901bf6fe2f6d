import { Refused, lowerRole, type CreateToken, type ErrorCode, type InputOf, type TokenResponse } from '#contracts';
import { inTransaction, refuseTaken } from '#database';
import { newApiToken, newId } from '#runtime';
import { recordChange } from '../inventory/record-change';
import { lockUser } from '../inventory/user.store';
import type { Parts } from '../parts';
import { ApiToken } from './api-token.entity';
import { countTokens, insertToken, presentToken } from './api-token.store';
import type { Caller } from './caller';

const TAKEN: Record<string, ErrorCode> = { api_tokens_name: 'TOKEN_NAME_TAKEN' };
/** That a user has at once. */
const MOST = 100;

/**
 * The text of the token is in `text` alone: what is stored, audited and kept for an Idempotency-Key has only its hash, or not even that.
 * @throws Refused ROLE_TOO_HIGH, TOKEN_NAME_TAKEN, TOKEN_LIMIT, INVALID_VALUE
 */
export const createToken = async (
  parts: Parts,
  { name, role, expires_at }: InputOf<typeof CreateToken>,
  caller: Caller,
): Promise<{ token: TokenResponse; text: string }> => {
  const id = newId();
  const { text, hash } = newApiToken(id);
  const now = new Date();
  const expires = expires_at === undefined ? null : new Date(expires_at);
  if (expires && expires <= now)
    throw new Refused('INVALID_VALUE', { errors: [{ field: 'expires_at', code: 'INVALID_VALUE', message: 'must be in the future' }] });
  const token = await inTransaction(parts.database, async (tx) => {
    const user = await lockUser(tx, caller.userId);
    if (!user) throw new Refused('TOKEN_REVOKED');
    const mostRole = lowerRole(caller.role, user.role);
    const wished = role ?? mostRole;
    if (lowerRole(wished, mostRole) !== wished) throw new Refused('ROLE_TOO_HIGH');
    if ((await countTokens(tx, user.id)) >= MOST) throw new Refused('TOKEN_LIMIT');
    const made = Object.assign(new ApiToken(), {
      id,
      user_id: user.id,
      name,
      role: wished,
      hash,
      created_at: now,
      expires_at: expires,
      last_used_at: null,
      revoked_at: null,
    } satisfies ApiToken);
    await refuseTaken(insertToken(tx, made), TAKEN);
    const after = presentToken(made, user);
    await recordChange(tx, 'tokens.create', { type: 'token', id }, caller, { after });
    return after;
  });
  return { token, text };
};

import { Refused, lowerRole, type ErrorCode, type Proof, type Role } from '#contracts';
import { inDatabase } from '#database';
import { isSecretOf, readApiToken, type ApiToken as PresentedToken } from '#runtime';
import { verifyAccessToken, type VerifiedToken } from '#tokens';
import type { User } from '../inventory/user.entity';
import type { Parts } from '../parts';
import type { ApiToken } from './api-token.entity';
import { noteUse, useIsNoted } from './api-token.store';

/** Who asks, as the database knows them now. */
export interface Identity {
  userId: string;
  username: string;
  role: Role;
  proof: Proof;
  /** The API token that they came with, or that their access token was exchanged for. */
  tokenId?: string;
  /** When that one stops being accepted. */
  tokenEndsAt?: Date;
}

export interface Authenticated {
  who: Identity;
  /** Set when it is known who asks, but what they came with is good no more. */
  ended?: Extract<ErrorCode, 'TOKEN_REVOKED' | 'TOKEN_EXPIRED'>;
}

/**
 * Takes an access token or an API token. Neither is believed alone: the user must still be there, and may do no more than the role that the
 * user has now.
 * @throws Refused UNAUTHENTICATED, TOKEN_INVALID, TOKEN_EXPIRED for what does not even tell who asks
 */
export const authenticate = (parts: Parts, publicKey: string, authorization: string | undefined): Promise<Authenticated> => {
  const token = readApiToken(authorization);
  return token ? byApiToken(parts, token) : byAccessToken(parts, verifyAccessToken(authorization, publicKey));
};

const byApiToken = async (parts: Parts, { id, secret }: PresentedToken): Promise<Authenticated> => {
  const { token, user } = await parts.together.askers.do({ tokenId: id });
  if (!token || !isSecretOf(secret, token.hash) || !user) throw new Refused('TOKEN_INVALID');
  const found = { who: identityOf(user, token.role, token), ended: endOf(user, token) };
  // A use that could not be noted must not keep anybody out.
  if (!found.ended && !useIsNoted(token, Date.now()))
    await inDatabase(parts.database, (tx) => noteUse(tx, id)).catch((err: unknown) => parts.log.warn({ err }, 'not noted'));
  return found;
};

const byAccessToken = async (parts: Parts, { sub, tid, epoch = 0, role }: VerifiedToken): Promise<Authenticated> => {
  const { token, user } = await parts.together.askers.do({ userId: sub, tokenId: tid });
  if (!user || (tid !== undefined && !token)) throw new Refused('TOKEN_INVALID');
  const loginEnded = !token && epoch !== user.token_epoch;
  return { who: identityOf(user, role, token), ended: loginEnded ? 'TOKEN_REVOKED' : endOf(user, token) };
};

const identityOf = (user: User, role: Role, token: ApiToken | null): Identity => ({
  userId: user.id,
  username: user.username,
  role: lowerRole(token ? lowerRole(role, token.role) : role, user.role),
  proof: token ? 'api-token' : 'login',
  ...(token ? { tokenId: token.id, tokenEndsAt: token.expires_at ?? undefined } : {}),
});

const endOf = (user: User, token: ApiToken | null): Authenticated['ended'] => {
  if (user.deleted_at || token?.revoked_at) return 'TOKEN_REVOKED';
  return token?.expires_at && token.expires_at.getTime() <= Date.now() ? 'TOKEN_EXPIRED' : undefined;
};

import { In, IsNull, type EntityManager, type EntityTarget, type FindOptionsWhere } from 'typeorm';
import { lowerRole, type InputOf, type ListTokens, type Page, type TokenResponse } from '#contracts';
import { listPage } from '#database';
import { User } from '../inventory/user.entity';
import { ApiToken } from './api-token.entity';

/** What a request names itself by: an API token, and the user when an access token told it. */
export interface AskerNames {
  tokenId?: string;
  userId?: string;
}

/** Also what was revoked, has expired or was deleted. */
export interface Asker {
  token: ApiToken | null;
  user: User | null;
}

export const findAskers = async (tx: EntityManager, names: AskerNames[]): Promise<Asker[]> => {
  const tokens = await byId(
    tx,
    ApiToken,
    names.flatMap(({ tokenId }) => tokenId ?? []),
  );
  const found = names.map(({ tokenId, userId }) => {
    const token = (tokenId === undefined ? undefined : tokens.get(tokenId)) ?? null;
    return { token, userId: userId ?? token?.user_id };
  });
  const users = await byId(
    tx,
    User,
    found.flatMap(({ userId }) => userId ?? []),
  );
  return found.map(({ token, userId }) => ({ token, user: (userId === undefined ? undefined : users.get(userId)) ?? null }));
};

const byId = async <T extends { id: string }>(tx: EntityManager, entity: EntityTarget<T>, ids: string[]): Promise<Map<string, T>> => {
  if (ids.length === 0) return new Map();
  const rows = await tx.findBy(entity, { id: In([...new Set(ids)]) } as FindOptionsWhere<T>);
  return new Map(rows.map((row) => [row.id, row]));
};

/** Also one who was deleted. */
export const findHolder = (tx: EntityManager, id: string): Promise<User | null> => tx.findOneBy(User, { id });

export const lockToken = (tx: EntityManager, id: string): Promise<ApiToken | null> =>
  tx.findOne(ApiToken, { where: { id, revoked_at: IsNull() }, lock: { mode: 'pessimistic_write' } });

export const countTokens = (tx: EntityManager, userId: string): Promise<number> =>
  tx.countBy(ApiToken, { user_id: userId, revoked_at: IsNull() });

export const insertToken = (tx: EntityManager, token: ApiToken): Promise<unknown> => tx.insert(ApiToken, token);

export const revokeToken = (tx: EntityManager, id: string): Promise<unknown> => tx.update(ApiToken, { id }, { revoked_at: new Date() });

export const revokeTokensOf = (tx: EntityManager, userId: string): Promise<unknown> =>
  tx.update(ApiToken, { user_id: userId, revoked_at: IsNull() }, { revoked_at: new Date() });

/** Coarse, so that a busy orchestrator does not write a row with every request. */
const USE_NOTED_MS = 300_000;

export const useIsNoted = ({ last_used_at }: ApiToken, now: number): boolean =>
  last_used_at !== null && now - last_used_at.getTime() < USE_NOTED_MS;

export const noteUse = (tx: EntityManager, id: string): Promise<unknown> => tx.update(ApiToken, { id }, { last_used_at: new Date() });

export const listTokens = async (
  tx: EntityManager,
  { limit, cursor, user_id }: InputOf<typeof ListTokens>,
  seenBy: string | undefined,
): Promise<Page<TokenResponse>> => {
  const asked = user_id ?? seenBy;
  const where = { revoked_at: IsNull(), ...(asked === undefined ? {} : { user_id: asked }) };
  const page = await listPage(tx, ApiToken, { limit, cursor, filters: { user_id: asked }, where });
  const users = await tx.findBy(User, { id: In(page.items.map((token) => token.user_id)) });
  return {
    ...page,
    items: page.items.map((token) =>
      presentToken(
        token,
        users.find(({ id }) => id === token.user_id)!,
      ),
    ),
  };
};

export const presentToken = (token: ApiToken, user: User): TokenResponse => ({
  id: token.id,
  name: token.name,
  user_id: token.user_id,
  username: user.username,
  role: lowerRole(token.role, user.role),
  created_at: token.created_at.toISOString(),
  expires_at: token.expires_at?.toISOString() ?? null,
  last_used_at: token.last_used_at?.toISOString() ?? null,
});

import { Refused, mayRevoke, type InputOf, type RevokeToken, type TokenResponse } from '#contracts';
import { inTransaction } from '#database';
import { recordChange } from '../inventory/record-change';
import type { Parts } from '../parts';
import * as store from './api-token.store';
import type { Caller } from './caller';

/** Somebody else's token is said not to be there: ids tell nothing. @throws Refused TOKEN_NOT_FOUND */
export const revokeToken = (parts: Parts, { id }: InputOf<typeof RevokeToken>, caller: Caller): Promise<TokenResponse> =>
  inTransaction(parts.database, async (tx) => {
    const token = await store.lockToken(tx, id);
    if (!token || !mayRevoke(caller, token)) throw new Refused('TOKEN_NOT_FOUND');
    const user = await store.findHolder(tx, token.user_id);
    if (!user) throw new Refused('TOKEN_NOT_FOUND');
    const before = store.presentToken(token, user);
    await store.revokeToken(tx, id);
    await recordChange(tx, 'tokens.revoke', { type: 'token', id }, caller, { before });
    return before;
  });

import { Refused, tokensSeenBy, type InputOf, type ListTokens, type Page, type TokenResponse } from '#contracts';
import { inDatabase } from '#database';
import type { Parts } from '../parts';
import * as store from './api-token.store';
import type { Caller } from './caller';

/** @throws Refused FORBIDDEN for the tokens of somebody else */
export const listTokens = (parts: Parts, input: InputOf<typeof ListTokens>, caller: Caller): Promise<Page<TokenResponse>> => {
  const seen = tokensSeenBy(caller);
  if (seen !== undefined && input.user_id !== undefined && input.user_id !== seen)
    throw new Refused('FORBIDDEN', { hint: 'Only admins see the tokens of others.' });
  return inDatabase(parts.database, (tx) => store.listTokens(tx, input, seen));
};

import { Refused, type ExchangeToken, type OutputOf } from '#contracts';
import { TOKEN_SECONDS, signAccessToken } from '#tokens';
import type { Caller } from './caller';

/** A short access token for those who verify with the public key alone; it ends with the API token at the latest. @throws Refused TOKEN_EXPIRED */
export const exchangeToken = (caller: Caller, privateKey: string): OutputOf<typeof ExchangeToken> => {
  const { userId: sub, actor: username, role, tokenId: tid, tokenEndsAt } = caller;
  const left = tokenEndsAt ? Math.floor((tokenEndsAt.getTime() - Date.now()) / 1_000) : TOKEN_SECONDS;
  if (left < 1) throw new Refused('TOKEN_EXPIRED');
  const seconds = Math.min(left, TOKEN_SECONDS);
  return { access_token: signAccessToken({ sub, username, role, tid }, privateKey, seconds), token_type: 'Bearer', expires_in: seconds };
};

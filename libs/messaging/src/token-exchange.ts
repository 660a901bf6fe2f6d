import { createHash } from 'node:crypto';
import { ExchangeToken, Refused } from '#contracts';
import { readApiToken } from '#runtime';
import { verifyAccessToken, type VerifiedToken } from '#tokens';
import type { Bus } from './connection';
import { ask } from './request-client';
import type { RequestContext } from './request-context';

/** A revoked API token is believed for so long at the most. */
const BELIEVED_MS = 30_000;
const MOST_BELIEVED = 1_000;
const TIMEOUT_MS = 4_000;

/**
 * Who asks, for processes that have no users of their own: an access token is verified with the public key, an API token is exchanged for
 * one by targets-service. What came out is believed for half a minute; a refusal is not kept.
 */
export class TokenExchange {
  /** By hash: what is kept here must be of no use to whoever sees the memory of the process. */
  private readonly believed = new Map<string, { token: VerifiedToken; until: number }>();

  constructor(
    private readonly bus: () => Bus,
    private readonly publicKey: string,
  ) {}

  /** @throws Refused UNAUTHENTICATED, TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_REVOKED; SERVICE_UNAVAILABLE when nobody exchanges */
  async whoAsks({ authorization, requestId, source }: Omit<RequestContext, 'subject'>): Promise<VerifiedToken> {
    if (!readApiToken(authorization)) return verifyAccessToken(authorization, this.publicKey);
    const key = createHash('sha256').update(authorization!).digest('base64url');
    const known = this.believed.get(key);
    if (known && Date.now() < known.until) return known.token;
    this.believed.delete(key);
    const answer = await ask(
      this.bus(),
      ExchangeToken.subject,
      {},
      { context: { authorization, requestId, source }, timeoutMs: TIMEOUT_MS },
    );
    const token = this.verified(answer);
    this.believed.set(key, { token, until: Math.min(Date.now() + BELIEVED_MS, token.endsAt) });
    if (this.believed.size > MOST_BELIEVED) this.believed.delete(this.believed.keys().next().value!);
    return token;
  }

  /** Whoever answered is believed no more than anybody: the signature says that it was targets-service. */
  private verified(answer: unknown): VerifiedToken {
    const exchanged = ExchangeToken.output.safeParse(answer);
    if (!exchanged.success) throw new Refused('INTERNAL');
    return verifyAccessToken(`Bearer ${exchanged.data.access_token}`, this.publicKey);
  }
}

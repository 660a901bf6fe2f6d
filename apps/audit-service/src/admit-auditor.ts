import { Refused, SearchAudit, mayDo } from '#contracts';
import type { RequestContext } from '#messaging';
import { newId, type AccessClaims } from '#runtime';
import type { Parts } from './parts';
import { recordEntry } from './record-entry';

/**
 * Lets those read the trail who may; who may not stands in it before the answer goes out.
 * @throws Refused
 */
export const admitAuditor = async (parts: Parts, body: unknown, context: RequestContext): Promise<void> => {
  let claims: AccessClaims | undefined;
  try {
    claims = await parts.tokens.whoAsks(context);
    if (!mayDo(claims.role, SearchAudit.subject))
      throw new Refused('FORBIDDEN', { hint: `Role ${claims.role} may not ${SearchAudit.subject}.` });
  } catch (error) {
    if (error instanceof Refused && error.status < 500 && (claims || parts.refusals.mayRecord(context.source, Date.now()))) {
      const asked = SearchAudit.input.safeParse(body);
      await record(parts, claims?.username ?? 'anonymous', context.source, error.code, context.requestId, asked.data ?? null);
    }
    throw error;
  }
};

/** Refusals of unknown callers beyond those recorded singly: one entry a source and minute. */
export const recordSummedRefusals = async (parts: Parts, now: number): Promise<void> => {
  for (const { source, count } of parts.refusals.takeSums(now))
    await record(parts, 'anonymous', source, 'UNAUTHENTICATED', newId(), { further_refusals: count }).catch((err: unknown) =>
      parts.log.error({ err, source, count }, 'refusals could not be recorded'),
    );
};

const record = (parts: Parts, actor: string, source: string, code: string, requestId: string, after: unknown): Promise<void> =>
  recordEntry(parts, {
    id: newId(),
    time: new Date().toISOString(),
    actor,
    source,
    action: SearchAudit.subject,
    resource: { type: 'audit', id: null },
    outcome: 'denied',
    code,
    request_id: requestId,
    before: null,
    after,
  });

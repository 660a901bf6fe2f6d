import { Refused, mayDo, parseInput, type Action, type InputOf, type RequestContract } from '#contracts';
import type { RequestContext } from '#messaging';
import { newId } from '#runtime';
import type { AccessClaims } from '#tokens';
import type { Parts } from './parts';
import { recordEntries } from './record-entries';

/**
 * Lets those read the trail who may, and has every reading stand in it before the answer goes out, as every refusal: what cannot be
 * recorded is not answered.
 * @throws Refused
 */
export const readTrail = async <C extends RequestContract<Action>, R>(
  parts: Parts,
  contract: C,
  body: unknown,
  context: RequestContext,
  read: (input: InputOf<C>) => Promise<R>,
): Promise<R> => {
  const { username } = await admitAuditor(parts, contract, body, context);
  const input = parseInput(contract.input, body) as InputOf<C>;
  const found = await read(input);
  await record(parts, contract.subject, username, context, null, { asked: input });
  return found;
};

const admitAuditor = async <C extends RequestContract<Action>>(
  parts: Parts,
  contract: C,
  body: unknown,
  context: RequestContext,
): Promise<AccessClaims> => {
  let claims: AccessClaims | undefined;
  try {
    claims = await parts.tokens.whoAsks(context);
    if (mayDo(claims.role, contract.subject)) return claims;
    throw new Refused('FORBIDDEN', { hint: `Role ${claims.role} may not ${contract.subject}.` });
  } catch (error) {
    if (error instanceof Refused && error.status < 500 && (claims || parts.refusals.mayRecord(context.source, Date.now()))) {
      const asked = contract.input.safeParse(body);
      await record(parts, contract.subject, claims?.username ?? 'anonymous', context, error.code, { asked: asked.data ?? null });
    }
    throw error;
  }
};

/** Refusals of unknown callers beyond those recorded singly: one entry a source and minute. */
export const recordSummedRefusals = async (parts: Parts, now: number): Promise<void> => {
  for (const { source, count } of parts.refusals.takeSums(now)) {
    const context = { source, requestId: newId() };
    await record(parts, 'audit.search', 'anonymous', context, 'UNAUTHENTICATED', { further_refusals: count }).catch((err: unknown) => {
      parts.refusals.giveBack(source, count);
      parts.log.error({ err, source, count }, 'refusals could not be recorded');
    });
  }
};

const record = (
  parts: Parts,
  action: Action,
  actor: string,
  { source, requestId }: Pick<RequestContext, 'source' | 'requestId'>,
  code: string | null,
  after: unknown,
): Promise<void> =>
  recordEntries(parts, {
    id: newId(),
    time: new Date().toISOString(),
    actor,
    source,
    action,
    resource: { type: 'audit', id: null },
    outcome: code === null ? 'allowed' : 'denied',
    code,
    request_id: requestId,
    before: null,
    after,
  });

import type { EntityManager } from 'typeorm';
import { Login, ONLY_WITH, mayDo, parseInput, Refused, type Action, type InputOf, type Proof, type RequestContract } from '#contracts';
import { inDatabase, inTransaction } from '#database';
import type { RequestContext } from '#messaging';
import { AnonymousRefusals, crashPoint, sleep } from '#runtime';
import { findUserByName } from '../inventory/user.store';
import { appendAudit } from '../outbox/outbox';
import type { Parts } from '../parts';
import { authenticate, type Authenticated, type Identity } from './authenticate';
import type { Caller } from './caller';
import { pruneKeys } from './idempotency.store';
import { commandKey, oncePerKey } from './once-per-key';
import { withoutSecrets } from './without-secrets';

const LONGEST_WAIT_SECONDS = 25;
const HOUSEKEEPING_MS = 5_000;

interface Presenting<R> {
  /** What is added to an answer each time that it is given, and never stored with it. */
  present?: (answer: R, caller: Caller) => Promise<R>;
}

/** Where every public request enters: who asks, may they, is it well formed; and a refused command goes into the audit trail. */
export class Door {
  private readonly refusals: AnonymousRefusals;
  private readonly leaving = new AbortController();
  private readonly housekeeping: Promise<void>;

  constructor(
    private readonly parts: Parts,
    private readonly publicKey: string,
    /** For keyed hashes of commands. */
    private readonly secret: string,
  ) {
    this.refusals = new AnonymousRefusals(parts.settings.ANONYMOUS_REFUSALS_PER_MINUTE);
    this.housekeeping = this.keepHouse();
  }

  /** A request that needs a token. @throws Refused */
  async admit<C extends RequestContract<Action>, R>(
    contract: C,
    body: unknown,
    context: RequestContext,
    useCase: (input: InputOf<C>, caller: Caller) => Promise<R>,
    { present = (answer) => Promise.resolve(answer) }: Presenting<R> = {},
  ): Promise<R> {
    let asker: Authenticated | undefined;
    if (contract.kind === 'command') crashPoint('targets.command-received');
    try {
      asker = await authenticate(this.parts, this.publicKey, context.authorization);
      const { who, ended } = asker;
      if (ended) throw new Refused(ended);
      mustBeAllowed(who, contract.subject);
      const input = parseInput(contract.input, body) as InputOf<C>;
      const caller = this.callerOf(who, context);
      const sent = contract.kind === 'command' ? context.idempotencyKey : undefined;
      if (sent === undefined) return await present(await useCase(input, caller), caller);
      crashPoint('targets.command-validated');
      const key = commandKey(this.secret, who.username, sent, contract.subject, input);
      return await present(await oncePerKey(this.parts, key, caller, (holder) => useCase(input, holder)), caller);
    } catch (error) {
      if (error instanceof Refused) await this.recordRefusal(contract, body, context, asker, error);
      throw error;
    }
  }

  /** Login, which makes the token. @throws Refused */
  async admitAnyone<C extends RequestContract<Action>, R>(
    contract: C,
    body: unknown,
    context: RequestContext,
    useCase: (input: InputOf<C>, context: RequestContext) => Promise<R>,
  ): Promise<R> {
    try {
      return await useCase(parseInput(contract.input, body) as InputOf<C>, context);
    } catch (error) {
      if (error instanceof Refused) await this.recordRefusal(contract, body, context, undefined, error);
      throw error;
    }
  }

  /** When no more requests come: what was counted and is not recorded yet is recorded now. */
  async close(): Promise<void> {
    this.leaving.abort();
    await this.housekeeping;
    await this.recordSums(Infinity);
  }

  private callerOf({ username, proof: _, ...who }: Identity, context: RequestContext): Caller {
    const seconds = context.preferWaitSeconds;
    const waitMs = seconds === undefined ? this.parts.settings.CREATE_REPLY_MS : Math.min(seconds, LONGEST_WAIT_SECONDS) * 1_000;
    return {
      ...who,
      actor: username,
      requestId: context.requestId,
      source: sourceOf(who, context),
      replyBy: Date.now() + waitMs,
    };
  }

  /**
   * A part that is away refuses nothing: such answers are not decisions, and the database may be that part.
   * @throws Refused AUDIT_UNAVAILABLE in place of the refusal: nobody shall be able to try doors while nothing is written down.
   */
  private async recordRefusal(
    contract: RequestContract,
    body: unknown,
    context: RequestContext,
    asker: Authenticated | undefined,
    refused: Refused,
  ) {
    if (refused.status >= 500) return;
    const decidedOnAccess = refused.status === 401 || refused.status === 403;
    if (contract.kind === 'query' && !decidedOnAccess) return;
    // A token that was revoked tells who lost it, and whoever found it may flood the trail like anybody unknown.
    if ((!asker || asker.ended) && !this.refusals.mayRecord(context.source, Date.now())) return;
    const isLogin = contract.subject === Login.subject;
    // People type their password where the user name belongs: of a login the text is not kept, but whose it was if it names a user.
    const asked = withoutSecrets(body, !isLogin && contract.input.safeParse(body).success) as Record<string, unknown>;
    const id = typeof asked.id === 'string' && /^[0-9a-f-]{36}$/i.test(asked.id) ? asked.id : null;
    await inTransaction(this.parts.database, async (tx) =>
      appendAudit(tx, {
        actor: asker?.who.username ?? 'anonymous',
        source: asker ? sourceOf(asker.who, context) : context.source,
        action: contract.subject,
        resource: isLogin
          ? { type: 'user', id: await userTried(tx, contract, body) }
          : { type: contract.subject.split('.')[0]!.replace(/s$/, ''), id },
        outcome: 'denied',
        code: refused.code,
        requestId: context.requestId,
        after: asked,
      }),
    );
    this.parts.relay.nudge();
  }

  private async keepHouse(): Promise<void> {
    while (!this.leaving.signal.aborted) {
      await sleep(HOUSEKEEPING_MS, this.leaving.signal);
      await inDatabase(this.parts.database, pruneKeys).catch(() => undefined);
      await this.recordSums(Date.now());
    }
  }

  private async recordSums(now: number): Promise<void> {
    for (const { source, count } of this.refusals.takeSums(now))
      await inTransaction(this.parts.database, (tx) =>
        appendAudit(tx, {
          actor: 'anonymous',
          source,
          action: 'refusals.summed',
          resource: { type: 'refusal', id: null },
          outcome: 'denied',
          code: 'UNAUTHENTICATED',
          requestId: 'none',
          after: { count },
        }),
      ).catch((err: unknown) => {
        this.refusals.giveBack(source, count);
        this.parts.log.error({ err, source, count }, 'refusals could not be recorded; tried again');
      });
  }
}

/** The id of the user whom a refused login names. */
const userTried = async (tx: EntityManager, login: RequestContract, body: unknown): Promise<string | null> => {
  const asked = login.input.safeParse(body) as { data?: InputOf<typeof Login> };
  return asked.data ? ((await findUserByName(tx, asked.data.username))?.id ?? null) : null;
};
/** @throws Refused FORBIDDEN */
const mustBeAllowed = ({ role, proof }: Identity, action: Action): void => {
  if (mayDo(role, action, proof)) return;
  const needed = mayDo(role, action) ? ONLY_WITH[action] : undefined;
  throw new Refused('FORBIDDEN', { hint: needed ? `${action} needs ${PROOF_NAMES[needed]}.` : `Role ${role} may not ${action}.` });
};

const PROOF_NAMES: Record<Proof, string> = { login: 'a login with a password', 'api-token': 'an API token' };

/** The trail names the API token as well: its user may have several, and one of them may be in wrong hands. */
const sourceOf = ({ tokenId }: Pick<Identity, 'tokenId'>, { source }: RequestContext): string =>
  tokenId === undefined ? source : `${source} token:${tokenId}`;

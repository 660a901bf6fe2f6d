import { createHmac } from 'node:crypto';
import { Refused, type TargetResponse } from '#contracts';
import { inDatabase, inTransaction } from '#database';
import { crashPoint } from '#runtime';
import type { Parts } from '../parts';
import { findTarget } from '../targets/target.store';
import type { Caller } from './caller';
import { answerKey, claimKey, dropKey, holdKey, releaseKey, type CommandKey, type HeldKey } from './idempotency.store';

/** 1 to 128 printable ASCII characters. */
const KEY = /^[\x21-\x7e]{1,128}$/;
/** A hold is renewed while its holder lives, so that a retry goes on soon after it has died. */
const HOLD_MS = 5_000;
const RENEW_MS = 1_500;

/** @throws Refused INVALID_IDEMPOTENCY_KEY */
export const commandKey = (secret: string, actor: string, key: string, action: string, input: unknown): CommandKey => {
  if (!KEY.test(key)) throw new Refused('INVALID_IDEMPOTENCY_KEY');
  // Keyed, since the input may hold a password that a plain hash would let somebody with the database guess.
  const fingerprint = createHmac('sha256', secret)
    .update(JSON.stringify([action, input]))
    .digest('base64url');
  return { actor, key, fingerprint };
};

/**
 * Runs a command at most once per key. The same command again gets the stored answer, or goes on with what was begun, also
 * after whoever began it has died: the change itself notes the key in its transaction.
 * @throws Refused IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_KEY_RUNNING, and as the command
 */
export const oncePerKey = async <R>(parts: Parts, key: CommandKey, caller: Caller, run: (caller: Caller) => Promise<R>): Promise<R> => {
  const claim = await inTransaction(parts.database, (tx) => claimKey(tx, key, HOLD_MS, parts.settings.IDEMPOTENCY_KEY_HOURS));
  crashPoint('targets.key-taken');
  switch (claim.state) {
    case 'other-command':
      throw new Refused('IDEMPOTENCY_KEY_REUSED');
    case 'running':
      throw new Refused('IDEMPOTENCY_KEY_RUNNING');
    case 'answered':
      return claim.answer as R;
    case 'held':
      return settle(parts, claim.key, () =>
        claim.targetId ? (resume(parts, claim.targetId, caller) as Promise<R>) : run({ ...caller, key: claim.key }),
      );
  }
};

const resume = async (parts: Parts, targetId: string, caller: Caller): Promise<TargetResponse> => {
  const target = await inDatabase(parts.database, (tx) => findTarget(tx, targetId));
  if (!target) throw new Refused('TARGET_NOT_FOUND');
  return parts.operations.runAndWait(target, caller.replyBy);
};

const settle = async <R>(parts: Parts, key: HeldKey, work: () => Promise<R>): Promise<R> => {
  const renewal = setInterval(() => {
    inDatabase(parts.database, (tx) => holdKey(tx, key, HOLD_MS)).catch(() => undefined);
  }, RENEW_MS);
  try {
    const answer = await work();
    const pending = (answer as Partial<TargetResponse>).operation;
    await inTransaction(parts.database, (tx) => (pending ? releaseKey(tx, key) : answerKey(tx, key, answer)));
    crashPoint('targets.answer-stored');
    return answer;
  } catch (error) {
    // An unknown outcome keeps the key: the retry finds out what was done.
    const refused = error instanceof Refused && !error.retryable;
    await inTransaction(parts.database, (tx) => (refused ? dropKey(tx, key) : releaseKey(tx, key))).catch(() => undefined);
    throw error;
  } finally {
    clearInterval(renewal);
  }
};

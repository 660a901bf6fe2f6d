import type { EntityManager } from 'typeorm';
import { ApplyReply, ERROR_CODES, Refused, errorFacts, type ErrorCode, type LastError, type TargetWish } from '#contracts';
import { inDatabase, inOneGo, inTransaction } from '#database';
import { counter, crashPoint } from '#runtime';
import { findNode } from '../inventory/node.store';
import type { Parts } from '../parts';
import { moveTarget, writeMoves, type Move } from '../targets/change-target';
import type { Target } from '../targets/target.entity';
import type { Trigger } from '../targets/target-lifecycle';
import { lockingTargets, postponeOperation, targetsById } from '../targets/target.store';
import { askNode } from './ask-node';
import { wishesOf } from './target-wish';

/** What came of sending the wishes: the node's word, or nothing certain, which is tried again. */
type Result = Certain | { certain: false; error: LastError };
interface Certain {
  certain: true;
  on: Extract<Trigger, 'node-done' | 'node-failed' | 'node-refused'>;
  error: LastError | null;
  disconnected: number;
}

const LONGEST_BACKOFF_MS = 10_000;

const ended = counter('spindle_operations_total', 'Operations by what a try at them came to', ['operation', 'result', 'code']);

const countTry = ({ operation }: Target, result: Result): void => {
  const code = result.error?.code ?? 'OK';
  ended.inc({
    operation: operation ?? 'none',
    result: result.certain ? result.on.replace('node-', '') : 'unknown',
    code: code === 'OK' || code in ERROR_CODES ? code : 'INTERNAL',
  });
};

/**
 * Sends a claimed operation's wishes to the node and records what came of it. An unknown outcome stays what it is: PENDING.
 * @returns the target as it stands now, null when that was not looked at
 */
export const runOperation = async (parts: Parts, target: Target): Promise<Target | null> => {
  const result = await sendWishes(parts, target);
  countTry(target, result);
  if (!result.certain) {
    target.last_error = result.error;
    const delay = Math.min(500 * 2 ** Math.min(target.attempts, 10), LONGEST_BACKOFF_MS);
    await inTransaction(parts.database, (tx) => postponeOperation(tx, target, delay));
    parts.log.warn({ target_id: target.id, request_id: target.operation_request_id, ...result.error }, 'operation waits for the node');
    return null;
  }
  const ended = await parts.together.results.do({ target, result });
  crashPoint('targets.result-committed');
  parts.relay.nudge();
  return ended;
};

/** An operation as it was sent to the node, and its word on it. */
export interface Ended {
  target: Target;
  result: Certain;
}

/** Records several results in one transaction. One that is about a wish before the present one says nothing: null. */
export const recordResults = async (tx: EntityManager, ended: Ended[]): Promise<(Target | null)[]> => {
  crashPoint('targets.transaction-open');
  const [rows] = await inOneGo(tx, [lockingTargets(ended.map(({ target }) => target.id))]);
  const targets = targetsById(rows!);
  const moves: Move[] = [];
  const outcomes = ended.map(({ target, result }) => {
    const current = targets.get(target.id);
    if (!current || current.generation !== target.generation || current.operation !== target.operation) return null;
    const disconnected = current.operation === 'create' ? null : result.disconnected;
    const cause = {
      actor: current.operation_by,
      source: 'system',
      requestId: current.operation_request_id,
      action: actionOf(current, result.on),
    };
    moves.push(moveTarget(current, result.on, { last_error: result.error, disconnected }, cause));
    return current;
  });
  if (moves.length > 0) await writeMoves(tx, moves);
  return outcomes;
};

const sendWishes = async (parts: Parts, target: Target): Promise<Result> => {
  let disconnected = target.disconnected ?? 0;
  const wishes = await wishesFor(parts, target);
  if (wishes instanceof Refused) return { certain: false, error: errorOf(wishes.code, 'seal-secrets') };
  for (const wish of wishes) {
    try {
      const reply = await askNode(parts, target.node_id, 'apply', wish, ApplyReply, {
        requestId: target.operation_request_id,
        timeoutMs: parts.settings.APPLY_TIMEOUT_MS,
      });
      crashPoint('targets.node-answered');
      disconnected += reply.disconnected;
      const error = reply.error ?? errorOf('INTERNAL', 'apply');
      if (reply.outcome === 'unknown' || (reply.outcome === 'failed' && mustSucceed(target, wish))) return { certain: false, error };
      if (reply.outcome === 'failed') return { certain: true, on: 'node-failed', error, disconnected };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.code === 'STALE_GENERATION' && wish.generation < target.generation) continue;
      if (error.code === 'TARGET_IN_USE')
        return { certain: true, on: 'node-refused', error: errorOf('TARGET_IN_USE', 'check-idle'), disconnected: 0 };
      return { certain: false, error: errorOf(error.code, 'apply', error.details.hint) };
    }
  }
  return { certain: true, on: 'node-done', error: null, disconnected };
};

/** Refused: its secrets cannot be sealed for the node. Deleting needs none. */
const wishesFor = async (parts: Parts, target: Target): Promise<TargetWish[] | Refused> => {
  if (target.chap === 'none' || target.operation === 'delete') return wishesOf(target, null);
  return inDatabase(parts.database, async (tx) =>
    wishesOf(target, await parts.chap.forNode(tx, target, await findNode(tx, target.node_id))),
  ).catch((error: unknown) => {
    if (error instanceof Refused && error.code === 'NODE_KEY_MISSING') return error;
    throw error;
  });
};

/**
 * A node that could not delete still has the target, and one that could not repair has it still, adopted or not: only another try
 * ends that.
 */
const mustSucceed = (target: Target, wish: TargetWish): boolean =>
  wish.state === 'absent' || target.operation === 'repair' || isAdoption(target);

/** A create of what was there before: its node would not be clean after a failure. */
const isAdoption = ({ operation, confirmed }: Target): boolean => operation === 'create' && confirmed;

const errorOf = (code: ErrorCode, step: string, hint?: string): LastError => {
  const facts = errorFacts(code in ERROR_CODES ? code : 'INTERNAL');
  return { code, step, message: [facts.title + '.', hint, facts.advice].filter(Boolean).join(' ') };
};

const DONE = { create: 'target.created', delete: 'target.deleted', restart: 'target.restarted', repair: 'target.repaired' } as const;

const actionOf = (target: Target, on: Trigger): string =>
  on === 'node-done' && target.operation ? DONE[target.operation] : 'target.failed';

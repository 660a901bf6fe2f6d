import type { EntityManager } from 'typeorm';
import { Refused, type ChapMode, type Drift, type EventName, type LastError, type TargetResponse } from '#contracts';
import { inOneGo, type Statement } from '#database';
import { crashPoint } from '#runtime';
import { linkKey, type HeldKey } from '../access/idempotency.store';
import { refuseIfHeld } from '../inventory/node.store';
import { appending, auditMessage, eventMessage, type Message } from '../outbox/outbox';
import { droppingSecrets } from '../secrets/secret.store';
import type { Target } from './target.entity';
import { STAGES, stageOf, transition, type Stage, type Trigger } from './target-lifecycle';
import { insertingTargets, presentTarget, updatingTargets } from './target.store';

/** Who stands behind a change, and the action under which the audit trail keeps it. */
interface Cause {
  actor: string;
  source: string;
  requestId: string;
  action: string;
  key?: HeldKey;
}

interface Change {
  last_error?: LastError | null;
  disconnected?: number | null;
  if_idle?: boolean;
  drift?: Drift[] | null;
  /** When it is not the next one. */
  generation?: number;
  chap?: ChapMode;
  chap_version?: number;
}

/** A target as it shall be, and what is to be said of it; not written yet. */
export interface Move {
  target: Target;
  event: EventName;
  before: TargetResponse | null;
  cause: Cause;
}

/**
 * Moves a locked target along one transition, for `writeMoves`. This is the only place where a target's status changes.
 * @throws Refused when the present state has no such transition
 */
export const moveTarget = (target: Target, on: Trigger, change: Change, cause: Cause): Move => {
  const from = stageOf(target);
  const step = transition(from, on);
  if (!step || step.to === 'none') throw conflict(from, target.id);
  const before = presentTarget(target);
  const now = new Date();
  const { status, operation } = STAGES[step.to];
  const begins = step.wishes > 0 || step.to === 'repairing';
  Object.assign(target, {
    ...change,
    status,
    operation,
    generation: change.generation ?? target.generation + step.wishes,
    version: target.version + 1,
    updated_at: now,
    deleted_at: step.to === 'deleted' ? now : null,
    next_attempt_at: null,
    ...(step.to === 'active' && on === 'node-done' ? { confirmed: true, drift: null } : {}),
    ...(begins ? { attempts: 0, operation_by: cause.actor, operation_request_id: cause.requestId } : {}),
  });
  return { target, event: step.event, before, cause };
};

/**
 * Writes targets with their events and audit intents in the caller's transaction; no target twice.
 * @param claimMs for so long nobody else takes the operations that begin
 */
export const writeMoves = async (tx: EntityManager, moves: Move[], claimMs = 0): Promise<void> => {
  const targets = moves.map(({ target }) => target);
  const losing = moves.filter(({ event, target }) => event === 'target.deleted' && target.chap_version > 0).map(({ target }) => target.id);
  const changes = [updatingTargets(targets, claimMs), ...(losing.length > 0 ? [droppingSecrets(losing)] : [])];
  await writeTogether(tx, changes, moves);
};

/** One target alone. @throws Refused when the present state has no such transition; NODE_HELD */
export const changeTarget = async (tx: EntityManager, target: Target, on: Trigger, change: Change, cause: Cause): Promise<Target> => {
  crashPoint('targets.transaction-open');
  const move = moveTarget(target, on, change, cause);
  if (on.endsWith('-requested')) await refuseIfHeld(tx, target.node_id);
  await writeMoves(tx, [move]);
  return target;
};

/** The first change of targets: their rows appear. */
export const addTargets = async (tx: EntityManager, added: { target: Target; cause: Cause }[], claimMs = 0): Promise<void> => {
  const targets = added.map(({ target }) => target);
  const moves = added.map((one): Move => ({ ...one, event: 'target.requested', before: null }));
  await writeTogether(tx, [insertingTargets(targets, claimMs)], moves);
};

/** The rows, the commands' keys, the events and the audit intents: all of them, or none. */
const writeTogether = async (tx: EntityManager, changes: Statement[], moves: Move[]): Promise<void> => {
  const events = appending(moves.map(eventOf));
  const intents = appending(moves.map(intentOf));
  await inOneGo(tx, [...changes, events, intents]);
  crashPoint('targets.row-written');
  crashPoint('targets.event-written');
  crashPoint('targets.audit-written');
  for (const { cause, target } of moves) {
    if (!cause.key) continue;
    await linkKey(tx, cause.key, target.id);
    crashPoint('targets.key-linked');
  }
};

const eventOf = ({ event, target, cause }: Move): Message => {
  const after = presentTarget(target);
  const data = event === 'target.drifted' ? { ...after, drift: target.drift ?? [] } : after;
  return eventMessage(event as 'target.requested', target.id, target.version, data, cause);
};

const intentOf = ({ event, target, before, cause }: Move): Message =>
  auditMessage({
    actor: cause.actor,
    source: cause.source,
    action: cause.action,
    resource: { type: 'target', id: target.id },
    outcome: event === 'target.failed' ? 'failed' : 'allowed',
    code: event === 'target.failed' ? (target.last_error?.code ?? 'INTERNAL') : null,
    requestId: cause.requestId,
    before,
    after: presentTarget(target),
  });

const conflict = (from: Stage, id: string): Refused =>
  from === 'deleted' ? new Refused('TARGET_DELETED', { resourceId: id }) : new Refused('OPERATION_IN_PROGRESS', { resourceId: id });

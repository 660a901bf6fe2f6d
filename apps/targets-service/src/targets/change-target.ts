import type { EntityManager } from 'typeorm';
import { Refused, type ChapMode, type Drift, type EventName, type LastError } from '#contracts';
import { crashPoint } from '#runtime';
import { linkKey, type HeldKey } from '../access/idempotency.store';
import { refuseIfHeld } from '../inventory/node.store';
import { appendAudit, appendEvent } from '../outbox/outbox';
import { replaceSecrets } from '../secrets/secret.store';
import type { Target } from './target.entity';
import { STAGES, stageOf, transition, type Stage, type Trigger } from './target-lifecycle';
import { insertTarget, presentTarget, updateTarget } from './target.store';

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

/**
 * Moves a locked target along one transition, with its event and its audit intent, in the caller's transaction.
 * This is the only place where a target's status changes.
 * @throws Refused when the present state has no such transition; NODE_HELD
 */
export const changeTarget = async (tx: EntityManager, target: Target, on: Trigger, change: Change, cause: Cause): Promise<Target> => {
  crashPoint('targets.transaction-open');
  const from = stageOf(target);
  const step = transition(from, on);
  if (!step || step.to === 'none') throw conflict(from, target.id);
  if (on.endsWith('-requested')) await refuseIfHeld(tx, target.node_id);
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
    next_attempt_at: operation === null ? null : now,
    ...(step.to === 'active' && on === 'node-done' ? { confirmed: true, drift: null } : {}),
    ...(begins ? { attempts: 0, operation_by: cause.actor, operation_request_id: cause.requestId } : {}),
  });
  await updateTarget(tx, target);
  if (step.to === 'deleted') await replaceSecrets(tx, target.id, []);
  crashPoint('targets.row-written');
  if (cause.key) await linkKey(tx, cause.key, target.id);
  await announce(tx, step.event, target, before, cause);
  return target;
};

/** The first change of a target: its row appears. @throws Refused NODE_HELD */
export const addTarget = async (tx: EntityManager, target: Target, cause: Cause): Promise<Target> => {
  await refuseIfHeld(tx, target.node_id);
  target.version = 1;
  await insertTarget(tx, target);
  crashPoint('targets.row-written');
  if (cause.key) await linkKey(tx, cause.key, target.id);
  await announce(tx, 'target.requested', target, null, cause);
  return target;
};

const announce = async (tx: EntityManager, event: EventName, target: Target, before: unknown, cause: Cause): Promise<void> => {
  if (cause.key) crashPoint('targets.key-linked');
  const after = presentTarget(target);
  const data = event === 'target.drifted' ? { ...after, drift: target.drift ?? [] } : after;
  await appendEvent(tx, event as 'target.requested', target.id, target.version, data, cause);
  crashPoint('targets.event-written');
  await appendAudit(tx, {
    actor: cause.actor,
    source: cause.source,
    action: cause.action,
    resource: { type: 'target', id: target.id },
    outcome: event === 'target.failed' ? 'failed' : 'allowed',
    code: event === 'target.failed' ? (target.last_error?.code ?? 'INTERNAL') : null,
    requestId: cause.requestId,
    before,
    after,
  });
  crashPoint('targets.audit-written');
};

const conflict = (from: Stage, id: string): Refused =>
  from === 'deleted' ? new Refused('TARGET_DELETED', { resourceId: id }) : new Refused('OPERATION_IN_PROGRESS', { resourceId: id });

import type { EntityManager } from 'typeorm';
import type { Action } from '#contracts';
import type { Caller } from '../access/caller';
import { appendAudit } from '../outbox/outbox';

/** Machines, images, users and sessions have no events, but every change of theirs is audited in its transaction. */
export const recordChange = (
  tx: EntityManager,
  action: Action,
  resource: { type: 'machine' | 'image' | 'user' | 'session'; id: string },
  caller: Caller,
  states: { before?: unknown; after?: unknown },
): Promise<void> =>
  appendAudit(tx, {
    actor: caller.actor,
    source: caller.source,
    action,
    resource,
    outcome: 'allowed',
    code: null,
    requestId: caller.requestId,
    ...states,
  });

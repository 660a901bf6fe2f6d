import type { EntityManager } from 'typeorm';
import type { Action } from '#contracts';
import type { Caller } from '../access/caller';
import { answerKey } from '../access/idempotency.store';
import { appendAudit } from '../outbox/outbox';

/**
 * Machines, images, users, sessions, tokens and cordons of nodes have no events, but every change of theirs is audited in its transaction.
 * @param answer what the caller is told, kept under the command's key if it has one
 */
export const recordChange = async (
  tx: EntityManager,
  action: Action,
  resource: { type: 'machine' | 'image' | 'user' | 'session' | 'node' | 'token'; id: string },
  caller: Caller,
  states: { before?: unknown; after?: unknown },
  answer = states.after ?? states.before,
): Promise<void> => {
  const { actor, source, requestId } = caller;
  await appendAudit(tx, { actor, source, action, resource, outcome: 'allowed', code: null, requestId, ...states });
  if (caller.key) await answerKey(tx, caller.key, answer);
};

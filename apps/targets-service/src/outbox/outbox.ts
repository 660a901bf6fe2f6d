import type { EntityManager } from 'typeorm';
import { refuseUnwritten } from '#database';
import { AUDIT_INTENT_SUBJECT } from '#messaging';
import { type AuditIntent, eventType, type EventData, type EventName } from '#contracts';
import { newId } from '#runtime';

const SOURCE = '/spindle/targets-service';

interface Cause {
  actor: string;
  requestId: string;
}

/** @throws Refused AUDIT_UNAVAILABLE, which undoes the change: events and intents share the table, and none stands without its intent. */
const append = (tx: EntityManager, messageId: string, subject: string, requestId: string, body: object) => {
  const text = 'INSERT INTO targets.outbox (message_id, subject, request_id, body) VALUES ($1, $2, $3, $4)';
  return refuseUnwritten(tx.query(text, [messageId, subject, requestId, body]), 'AUDIT_UNAVAILABLE');
};

/** Adds an event to the transaction that makes it true. */
export const appendEvent = async <N extends EventName>(
  tx: EntityManager,
  name: N,
  subject: string,
  sequence: number,
  data: EventData<N>,
  cause: Cause,
): Promise<void> => {
  const id = newId();
  await append(tx, id, name, cause.requestId, {
    specversion: '1.0',
    id,
    source: SOURCE,
    type: eventType(name),
    subject,
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    sequence,
    correlationid: cause.requestId,
    actor: cause.actor,
    data,
  });
};

export type AuditFacts = Omit<AuditIntent, 'id' | 'time' | 'request_id' | 'before' | 'after'> & {
  requestId: string;
  before?: unknown;
  after?: unknown;
};

/** Adds what the audit trail must hold to the transaction of the change: no intent, no change. */
export const appendAudit = async (tx: EntityManager, facts: AuditFacts): Promise<void> => {
  const { requestId, before, after, ...rest } = facts;
  const id = newId();
  const intent = { ...rest, id, time: new Date().toISOString(), request_id: requestId, before: before ?? null, after: after ?? null };
  await append(tx, id, `${AUDIT_INTENT_SUBJECT}.${facts.action}`, requestId, intent);
};

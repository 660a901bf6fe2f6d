import type { EntityManager } from 'typeorm';
import { inOneGo, type Statement } from '#database';
import { AUDIT_INTENT_SUBJECT } from '#messaging';
import { type AuditIntent, eventType, type EventData, type EventName } from '#contracts';
import { newId } from '#runtime';

const SOURCE = '/spindle/targets-service';

interface Cause {
  actor: string;
  requestId: string;
}

/** What is to be published once the transaction that makes it true has been committed. */
export interface Message {
  message_id: string;
  subject: string;
  request_id: string;
  body: object;
}

/** In this order: the rows of one statement are numbered as they come. */
const APPEND = `
  INSERT INTO targets.outbox (message_id, subject, request_id, body)
  SELECT message_id, subject, request_id, body
  FROM ROWS FROM (jsonb_to_recordset($1::jsonb) AS (message_id uuid, subject text, request_id text, body jsonb)) WITH ORDINALITY
  ORDER BY ordinality`;

/** Refused AUDIT_UNAVAILABLE undoes the change: events and intents share the table, and none stands without its intent. */
export const appending = (messages: Message[]): Statement => ({
  name: 'append-messages',
  text: APPEND,
  values: [JSON.stringify(messages)],
  unwritten: 'AUDIT_UNAVAILABLE',
});

export const eventMessage = <N extends EventName>(
  name: N,
  subject: string,
  sequence: number,
  data: EventData<N>,
  cause: Cause,
): Message => {
  const id = newId();
  const body = {
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
  };
  return { message_id: id, subject: name, request_id: cause.requestId, body };
};

export type AuditFacts = Omit<AuditIntent, 'id' | 'time' | 'request_id' | 'before' | 'after'> & {
  requestId: string;
  before?: unknown;
  after?: unknown;
};

export const auditMessage = ({ requestId, before = null, after = null, ...rest }: AuditFacts): Message => {
  const id = newId();
  const body = { ...rest, id, time: new Date().toISOString(), request_id: requestId, before, after };
  return { message_id: id, subject: `${AUDIT_INTENT_SUBJECT}.${rest.action}`, request_id: requestId, body };
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
  await inOneGo(tx, [appending([eventMessage(name, subject, sequence, data, cause)])]);
};

/** Adds what the audit trail must hold to the transaction of the change: no intent, no change. */
export const appendAudit = async (tx: EntityManager, facts: AuditFacts): Promise<void> => {
  await inOneGo(tx, [appending([auditMessage(facts)])]);
};

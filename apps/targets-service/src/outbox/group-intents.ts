import { createHash } from 'node:crypto';
import { AUDIT_INTENT_SUBJECT, type StoredMessage } from '#messaging';

/** Of the outbox, as it is read. */
export interface Row {
  position: string;
  message_id: string;
  subject: string;
  request_id: string;
  body: unknown;
}

export interface OutboxMessage extends StoredMessage {
  /** The rows that are published when it is stored. */
  positions: string[];
}

/** The trail takes a message in one transaction, whatever it holds. */
const GROUP_ROWS = 100;
/** NATS takes 1 MiB a message by default; one row may have 64 KiB and more. */
const GROUP_BYTES = 256_000;

export const messageOf = ({ position, message_id: id, subject, request_id: requestId, body }: Row): OutboxMessage => ({
  subject,
  id,
  body,
  requestId,
  positions: [position],
});

/**
 * Intents that wait together go together, in their order: the trail's cost is a transaction a message, and only one message is on its way
 * to it. One that waits alone goes as it is.
 */
export const groupIntents = (rows: Row[]): OutboxMessage[] => {
  const groups: Row[][] = [];
  let bytes = 0;
  for (const row of rows) {
    const size = Buffer.byteLength(JSON.stringify(row.body));
    const open = groups.at(-1);
    if (open && open.length < GROUP_ROWS && bytes + size <= GROUP_BYTES) open.push(row);
    else {
      groups.push([row]);
      bytes = 0;
    }
    bytes += size;
  }
  return groups.map((group) => (group.length === 1 ? messageOf(group[0]!) : messageOfGroup(group)));
};

const messageOfGroup = (group: Row[]): OutboxMessage => ({
  subject: `${AUDIT_INTENT_SUBJECT}.several`,
  id: createHash('sha256')
    .update(group.map((row) => row.message_id).join(' '))
    .digest('base64url'),
  body: group.map((row) => row.body),
  positions: group.map((row) => row.position),
});

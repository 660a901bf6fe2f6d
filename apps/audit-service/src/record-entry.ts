import { AuditIntent, Refused, parseInput } from '#contracts';
import { inTransaction, rowRefused } from '#database';
import { counter, crashPoint, gauge } from '#runtime';
import { appendEntry } from './audit.store';
import type { Parts } from './parts';

const appended = counter('spindle_audit_entries_total', 'Entries appended to the audit trail', ['outcome']);
const failures = counter('spindle_audit_append_failures_total', 'Times that the database did not take an entry; it is tried again');
export const lastSeqGauge = gauge('spindle_audit_last_seq', 'Place of the newest entry that this process knows of');

/**
 * Appends what a service asked the trail to hold, once: an intent that comes again changes nothing.
 * @throws Refused for an intent that can never be appended; DATABASE_UNAVAILABLE for whatever is not the intent's own fault,
 * such as a right that was revoked, since an entry must not be given up for that.
 */
export const recordEntry = async (parts: Parts, body: unknown): Promise<void> => {
  crashPoint('audit.event-received');
  const intent = parseInput(AuditIntent, storable(body));
  const seq = await inTransaction(parts.database, (tx) => appendEntry(tx, intent)).catch((error: unknown) => {
    if (rowRefused(error)) throw new Refused('INVALID_VALUE', {}, { cause: error });
    failures.inc();
    if (error instanceof Refused) throw error;
    parts.log.error({ err: error }, 'the database does not let the audit trail grow');
    throw new Refused('DATABASE_UNAVAILABLE', {}, { cause: error });
  });
  crashPoint('audit.committed');
  if (seq === undefined) return;
  appended.inc({ outcome: intent.outcome });
  lastSeqGauge.set(seq);
};

/**
 * Postgres stores neither U+0000 nor half a surrogate pair. An entry is not lost because somebody put one into a request:
 * the replacement character stands in its place. JSON.stringify writes both as escapes, and nothing else so.
 */
const storable = (body: unknown): unknown =>
  JSON.parse(
    JSON.stringify(body ?? null).replace(/\\(?:u0000|ud[89a-f][0-9a-f]{2}|.)/g, (escape) =>
      /^\\u(0000|d)/.test(escape) ? '\\ufffd' : escape,
    ),
  );

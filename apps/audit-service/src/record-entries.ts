import { AuditIntent, Refused, parseInput } from '#contracts';
import { inTransaction, rowRefused } from '#database';
import { counter, crashPoint, gauge } from '#runtime';
import { appendEntries } from './audit.store';
import type { Parts } from './parts';

const appended = counter('spindle_audit_entries_total', 'Entries appended to the audit trail', ['outcome']);
const failures = counter('spindle_audit_append_failures_total', 'Times that the database did not take an entry; it is tried again');
export const lastSeqGauge = gauge('spindle_audit_last_seq', 'Place of the newest entry that this process knows of');

/**
 * Appends what services asked the trail to hold, each once, in their order: one intent or a list of them. What comes again changes nothing.
 * All are appended together if all can be, else one by one.
 * @throws Refused for the first one that can never be appended, after the others were; DATABASE_UNAVAILABLE for whatever is not an
 * intent's own fault, such as a right that was revoked, since an entry must not be given up for that.
 */
export const recordEntries = async (parts: Parts, body: unknown): Promise<void> => {
  crashPoint('audit.event-received');
  const bodies = (Array.isArray(body) ? body : [body]) as unknown[];
  try {
    await append(parts, bodies.map(readIntent));
  } catch (error) {
    if (!(error instanceof Refused) || error.retryable || bodies.length === 1) throw error;
    await oneByOne(parts, bodies);
  }
};

const oneByOne = async (parts: Parts, bodies: unknown[]): Promise<void> => {
  let first: Refused | undefined;
  for (const body of bodies) {
    try {
      await append(parts, [readIntent(body)]);
    } catch (error) {
      if (!(error instanceof Refused) || error.retryable) throw error;
      first ??= error;
    }
  }
  if (first) throw first;
};

const readIntent = (body: unknown): AuditIntent => parseInput(AuditIntent, storable(body));

const append = async (parts: Parts, intents: AuditIntent[]): Promise<void> => {
  const entries = await inTransaction(parts.database, (tx) => appendEntries(tx, intents)).catch((error: unknown) => {
    if (rowRefused(error)) throw new Refused('INVALID_VALUE', {}, { cause: error });
    failures.inc();
    if (error instanceof Refused) throw error;
    parts.log.error({ err: error }, 'the database does not let the audit trail grow');
    throw new Refused('DATABASE_UNAVAILABLE', {}, { cause: error });
  });
  crashPoint('audit.committed');
  for (const { outcome, seq } of entries) {
    appended.inc({ outcome });
    lastSeqGauge.set(seq);
  }
};

/**
 * Postgres stores neither U+0000 nor half a surrogate pair. An entry is not lost because somebody put one into a request:
 * the replacement character stands in its place. JSON.stringify writes both as escapes, and nothing else so.
 */
const storable = (body: unknown): unknown => {
  const text = JSON.stringify(body ?? null);
  if (!/\\u(?:0000|d)/.test(text)) return body;
  return JSON.parse(text.replace(/\\(?:u0000|ud[89a-f][0-9a-f]{2}|.)/g, (escape) => (/^\\u(0000|d)/.test(escape) ? '\\ufffd' : escape)));
};

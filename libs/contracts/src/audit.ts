import { z } from 'zod';
import { listOf, page } from './lists';
import { AnyJson, Id, Name, Time, coded } from './names';
import { request } from './request';

export const AuditOutcome = z
  .enum(['allowed', 'denied', 'failed'], coded('INVALID_VALUE', 'must be allowed, denied or failed'))
  .describe('allowed: done. denied: refused before anything changed. failed: tried, and did not succeed.')
  .meta({ id: 'AuditOutcome' });

const entryFields = {
  id: Id,
  time: Time,
  actor: z.string().describe('User name, `system`, or `anonymous`.'),
  source: z.string().describe('Where from: `http:ADDRESS`, `nats` or `system`; then ` token:ID` when an API token was used.'),
  action: z.string().describe('Subject of the request, or name of the event for what the system did.'),
  resource: z.object({ type: z.string(), id: z.string().nullable() }),
  outcome: AuditOutcome,
  code: z.string().nullable().describe('Why it was denied or failed.'),
  request_id: z.string(),
  before: AnyJson.describe('The resource before; secrets left out.'),
  after: AnyJson.describe('The resource after; for a refusal, what was asked, secrets left out.'),
};

/** What a service asks the trail to hold; written in the transaction of the change. Its id makes recording it twice harmless. */
export const AuditIntent = z.object(entryFields).meta({ id: 'AuditIntent' });

export const AuditEntry = z.object({ ...entryFields, seq: z.int().describe('Contiguous, from 1.') }).meta({ id: 'AuditEntry' });
export const AuditListResponse = listOf(AuditEntry).meta({ id: 'AuditListResponse' });

const short = z.string(coded('WRONG_TYPE', 'must be a string')).min(1).max(128, coded('INVALID_VALUE', 'is too long'));

export const SearchAudit = request({
  subject: 'audit.search',
  kind: 'query',
  summary: 'Search the audit trail, newest first',
  input: z.strictObject({
    ...page,
    target_id: Id.optional(),
    machine_id: Id.optional(),
    actor: Name.optional(),
    action: short.optional(),
    outcome: AuditOutcome.optional(),
    from: Time.optional().describe('At or after.'),
    to: Time.optional().describe('Before.'),
    correlation_id: short.optional().describe('The request id that all entries of one command share.'),
  }),
  output: AuditListResponse,
  http: { method: 'GET', path: '/audit', success: [200] },
  errors: ['INVALID_CURSOR'],
});

export type AuditOutcome = z.infer<typeof AuditOutcome>;
export type AuditIntent = z.infer<typeof AuditIntent>;
export type AuditEntry = z.infer<typeof AuditEntry>;

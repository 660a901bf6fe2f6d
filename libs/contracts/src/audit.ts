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

/** What actions and request ids are written with: the filters of a search stand in the trail themselves. */
const plain = z
  .string(coded('WRONG_TYPE', 'must be a string'))
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/,
    coded('INVALID_VALUE', 'must be 1 to 128 of A-Z a-z 0-9 . _ : - beginning with a letter or digit'),
  );

const filters = {
  target_id: Id.optional(),
  machine_id: Id.optional(),
  actor: Name.optional(),
  action: plain.optional(),
  outcome: AuditOutcome.optional(),
  from: Time.optional().describe('At or after.'),
  to: Time.optional().describe('Before.'),
  correlation_id: plain.optional().describe('The request id that all entries of one command share.'),
};

export const SearchAudit = request({
  subject: 'audit.search',
  kind: 'query',
  summary: 'Search the audit trail, newest first',
  input: z.strictObject({ ...page, ...filters }),
  output: AuditListResponse,
  http: { method: 'GET', path: '/audit', success: [200] },
  errors: ['INVALID_CURSOR'],
});

const place = z.int(coded('WRONG_TYPE', 'must be a whole number')).min(1, coded('INVALID_VALUE', 'must be at least 1'));
const size = place.describe('Entries of the tree that is meant.');
const Hash = z.string().describe('SHA-256, base64.');
const Proof = z.array(Hash).describe('Hashes from the leaf upwards, as RFC 6962 orders them.');

export const GetCheckpoint = request({
  subject: 'audit.checkpoint',
  kind: 'query',
  summary: 'Get the newest signed head of the audit trail',
  input: z.strictObject({}),
  output: z
    .object({
      size: z.int().describe('Entries that it covers: all with a seq up to this.'),
      note: z.string().describe('C2SP tlog-checkpoint, signed with Ed25519.'),
      verifier_key: z.string().describe('C2SP verifier key. Compare it with the one you were given by another way.'),
    })
    .meta({ id: 'AuditCheckpointResponse' }),
  http: { method: 'GET', path: '/audit/checkpoint', success: [200] },
  errors: ['NO_CHECKPOINT'],
});

export const ProveInclusion = request({
  subject: 'audit.inclusion',
  kind: 'query',
  summary: 'Prove that an entry is in the tree of a signed head',
  input: z.strictObject({
    seq: place.describe('Place of the entry.'),
    size: size.optional().describe('By default that of the newest signed head.'),
  }),
  output: z
    .object({ seq: z.int(), size: z.int(), leaf: Hash.describe('Hash of the entry.'), root: Hash, proof: Proof })
    .meta({ id: 'AuditInclusionResponse' }),
  http: { method: 'GET', path: '/audit/inclusion', success: [200] },
  errors: ['ENTRY_NOT_FOUND', 'NO_CHECKPOINT'],
});

export const ProveConsistency = request({
  subject: 'audit.consistency',
  kind: 'query',
  summary: 'Prove that one signed head is the beginning of a later one',
  input: z.strictObject({ from: size, to: size.optional().describe('By default that of the newest signed head.') }),
  output: z.object({ from: z.int(), to: z.int(), from_root: Hash, to_root: Hash, proof: Proof }).meta({ id: 'AuditConsistencyResponse' }),
  http: { method: 'GET', path: '/audit/consistency', success: [200] },
  errors: ['ENTRY_NOT_FOUND', 'NO_CHECKPOINT'],
});

export const ExportAudit = request({
  subject: 'audit.export',
  kind: 'query',
  summary: 'Read the audit trail for an export that verifies offline, oldest first',
  input: z.strictObject({
    ...filters,
    size: size.optional().describe('The tree to export, that of a signed head; by default the newest.'),
    after: z
      .int(coded('WRONG_TYPE', 'must be a whole number'))
      .min(0, coded('INVALID_VALUE', 'must be at least 0'))
      .default(0)
      .describe('Last place of the page before; 0 begins, with a line that says what is exported.'),
  }),
  output: z
    .object({
      size: z.int(),
      lines: z.array(z.string()).describe('Lines of the export file, each one JSON text. docs/audit.md has their form.'),
      next: z.int().nullable().describe('`after` of the next page, null on the last.'),
    })
    .meta({ id: 'AuditExportResponse' }),
  http: { method: 'GET', path: '/audit/export', success: [200] },
  errors: ['ENTRY_NOT_FOUND', 'NO_CHECKPOINT'],
});

export type AuditOutcome = z.infer<typeof AuditOutcome>;
export type AuditIntent = z.infer<typeof AuditIntent>;
export type AuditEntry = z.infer<typeof AuditEntry>;

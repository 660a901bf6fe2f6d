import { z } from 'zod';
import { commonSettings, healthSettings, setting } from '#runtime';

/** Settings of audit-service. */
export const Settings = z.object({
  ...commonSettings,
  ...healthSettings(3002),
  DATABASE_URL: z.url().describe('Postgres, as the role that may insert into and read the audit trail, and nothing more.'),
  MIGRATION_DATABASE_URL: z
    .url()
    .optional()
    .describe(
      'Postgres, as the role that owns the trail; when set, migrations run at start. Without it the service refuses to start while any is pending.',
    ),
  DATABASE_POOL_SIZE: setting.wholeNumber(5, 2, 200).describe('Connections to Postgres, at most.'),
  AUTH_PUBLIC_KEY_FILE: z.string().describe('PEM file with the public key that access tokens are verified with.'),
  AUDIT_SIGNING_KEY_FILE: z
    .string()
    .describe('PEM file with the Ed25519 key that signs heads of the trail. Keep a copy apart from the database.'),
  AUDIT_LOG_ORIGIN: setting
    .text('spindle.invalid/audit')
    .refine((text) => /^[A-Za-z0-9][A-Za-z0-9./_-]{0,127}$/.test(text), 'must be 1 to 128 of A-Z a-z 0-9 . / _ -')
    .describe('Name of this trail in what it signs: a domain of yours and a path, never used for another trail.'),
  AUDIT_CHECKPOINT_FILE: z
    .string()
    .optional()
    .describe('Signed heads are appended to it, for a second host to collect. Without it they are in the database and on NATS only.'),
  AUDIT_CHECKPOINT_SECONDS: setting
    .wholeNumber(60, 1, 3_600)
    .describe('A head is signed so long after the last one, if there is something new,'),
  AUDIT_CHECKPOINT_ENTRIES: setting.wholeNumber(1_000, 1, 1_000_000).describe('or after so many entries.'),
  AUDIT_ANONYMOUS_PER_MINUTE: setting
    .wholeNumber(30, 0, 10_000)
    .describe('Refused searches of unknown callers that are recorded singly, per source and minute; the rest is summed in one entry.'),
});

export type Settings = z.infer<typeof Settings>;

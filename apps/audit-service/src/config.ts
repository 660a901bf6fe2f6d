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
  AUDIT_ANONYMOUS_PER_MINUTE: setting
    .wholeNumber(30, 0, 10_000)
    .describe('Refused searches of unknown callers that are recorded singly, per source and minute; the rest is summed in one entry.'),
});

export type Settings = z.infer<typeof Settings>;

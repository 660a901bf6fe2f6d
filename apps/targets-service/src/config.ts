import { z } from 'zod';
import { Iqn } from '#contracts';
import { commonSettings, healthSettings, setting } from '#runtime';

/** What stands behind the prefix: a target's id. */
const LONGEST_NAME = '00000000-0000-0000-0000-000000000000';

/** Settings of targets-service. */
export const Settings = z.object({
  ...commonSettings,
  ...healthSettings(3001),
  DATABASE_URL: z.url().describe('Postgres, as the role that may read and write the tables of schema targets.'),
  MIGRATION_DATABASE_URL: z.url().optional().describe('Postgres, as the role that owns them; when set, migrations run at start.'),
  DATABASE_POOL_SIZE: setting.wholeNumber(10, 1, 200).describe('Connections to Postgres, at most.'),
  AUTH_PRIVATE_KEY_FILE: z.string().describe('PEM file with the P-256 key that signs access tokens; mode 0600.'),
  AUTH_PUBLIC_KEY_FILE: z.string().describe('PEM file with the public half.'),
  SECRETS_KEY_FILE: z
    .string()
    .describe(
      'File of the keys that encrypt CHAP secrets, a line each, NAME:BASE64 of 32 bytes, the one in use first; mode 0600. Not in the backup of the database.',
    ),
  CHAP_DEFAULT: z.enum(['none', 'one-way', 'mutual']).default('none').describe('CHAP of a target that is created without saying.'),
  ADMIN_USERNAME: setting.text('admin').describe('Name of the first admin, made when there is no user at all.'),
  ADMIN_PASSWORD_FILE: z.string().optional().describe('File with the password of the first admin, at least 12 characters.'),
  ISCSI_TARGET_PREFIX: setting
    .text('iqn.2025-01.io.spindle')
    .refine(
      (prefix) => Iqn.safeParse(`${prefix}:${LONGEST_NAME}`).success,
      'must be iqn.YYYY-MM.reversed.domain in lower case, at most 186 characters',
    )
    .describe('What IQNs of targets and default initiators begin with.'),
  CREATE_REPLY_MS: setting
    .wholeNumber(4_000, 100, 25_000)
    .describe('Create, delete and restart answer PENDING after this many milliseconds; below the 5 s that NATS clients wait.'),
  APPLY_TIMEOUT_MS: setting.wholeNumber(120_000, 1_000, 600_000).describe('Longest wait for a storage node to apply a wish, milliseconds.'),
  NODE_REQUEST_TIMEOUT_MS: setting.wholeNumber(3_000, 100, 30_000).describe('Longest wait for a storage node to be read, milliseconds.'),
  NODE_SILENCE_MS: setting.wholeNumber(10_000, 1_000, 600_000).describe('A node that reports nothing for so many milliseconds is offline.'),
  OPERATIONS_PER_NODE: setting.wholeNumber(64, 1, 1_000).describe('Wishes on their way to one node at once.'),
  RECONCILE: z
    .enum(['apply', 'plan'])
    .default('apply')
    .describe(
      'With plan every node is held at each start: nothing is sent to it until an admin has accepted its plan. For a restored database.',
    ),
  IDEMPOTENCY_KEY_HOURS: setting
    .wholeNumber(24, 1, 8_760)
    .describe('How long the answer to a command with an Idempotency-Key is kept, hours.'),
  LOGIN_FAILURES: setting.wholeNumber(10, 1, 1_000).describe('Failed logins of one name from one source before it is locked.'),
  LOGIN_LOCK_SECONDS: setting.wholeNumber(300, 1, 86_400).describe('How long it is locked, seconds.'),
  ANONYMOUS_REFUSALS_PER_MINUTE: setting
    .wholeNumber(60, 0, 10_000)
    .describe('Refusals of unknown callers that are audited singly, per source and minute; the rest is summed in one entry.'),
});

export type Settings = z.infer<typeof Settings>;

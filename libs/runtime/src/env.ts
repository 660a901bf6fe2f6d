import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** What is wrong with the settings, one line each; shown to whoever starts the service. */
export class BadSettings extends Error {
  constructor(readonly problems: string[]) {
    super(`these settings are wrong:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.name = 'BadSettings';
  }
}

/** Environment variables are text; these read the usual kinds from it. Units stand in the names of the settings. */
export const setting = {
  text: (fallback: string) => z.string().min(1).default(fallback),
  port: (fallback: number) => z.coerce.number().int().min(1).max(65535).default(fallback),
  wholeNumber: (fallback: number, min: number, max: number) => z.coerce.number().int().min(min).max(max).default(fallback),
  flag: (fallback: boolean) =>
    z
      .enum(['true', 'false'])
      .default(fallback ? 'true' : 'false')
      .transform((value) => value === 'true'),
  logLevel: () => z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info').describe('How much is logged.'),
};

/** Settings that every service has. */
export const commonSettings = {
  NATS_URL: setting.text('nats://127.0.0.1:4222').describe('NATS server, or several with commas.'),
  NATS_USER: z.string().optional().describe('User name on NATS.'),
  NATS_PASSWORD: z.string().optional().describe('Password on NATS.'),
  NATS_NKEY_SEED_FILE: z
    .string()
    .optional()
    .describe('File with the nkey seed to log in to NATS with, instead of user and password; mode 0600. `npm run bus` makes it.'),
  NATS_TLS_CA_FILE: z.string().optional().describe('PEM file of the authority that NATS’s certificate is from; switches TLS on.'),
  NATS_TLS_CERT_FILE: z.string().optional().describe('PEM file with our own certificate for NATS, where it asks for one.'),
  NATS_TLS_KEY_FILE: z.string().optional().describe('PEM file with the key of that certificate.'),
  LOG_LEVEL: setting.logLevel(),
};

/** Settings of the services that answer no HTTP but health. */
export const healthSettings = (port: number) => ({
  HEALTH_PORT: setting.port(port).describe('Port of /healthz, /readyz and /metrics.'),
  HEALTH_ADDRESS: setting.text('127.0.0.1').describe('Address they listen on.'),
});

/**
 * Reads the settings of one service, once, at boot. An empty variable counts as unset, as compose files write it.
 * @throws BadSettings that lists all mistakes together.
 */
export const loadSettings = <S extends z.ZodObject>(schema: S, env: NodeJS.ProcessEnv = process.env): z.output<S> => {
  const known = Object.fromEntries(
    Object.keys(schema.shape).flatMap((name) => (env[name] === undefined || env[name] === '' ? [] : [[name, env[name]]])),
  );
  const parsed = schema.safeParse(known);
  if (parsed.success) return parsed.data;
  throw new BadSettings(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
};

/**
 * The first line of a file that holds a secret.
 * @throws BadSettings when it cannot be read or is empty.
 */
export const readSecretFile = (name: string, path: string): string => {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch {
    throw new BadSettings([`${name}: cannot read ${path}`]);
  }
  if (text === '') throw new BadSettings([`${name}: ${path} is empty`]);
  return text;
};

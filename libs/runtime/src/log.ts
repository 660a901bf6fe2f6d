import type { LoggerService } from '@nestjs/common';
import pino, { type Logger } from 'pino';

/** Never in a log, at any depth that our objects have. */
const SECRETS = ['authorization', 'password', 'access_token', 'secret', 'token'];

/** One JSON line an event on stdout; `request_id` is a field wherever a request is the cause. */
export const createLog = (service: string, level: string): Logger =>
  pino({
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '[redacted]' },
    serializers: { err: pino.stdSerializers.err },
  });

/** Lets Nest's own lines go the same way; its start-up chatter counts as debug. */
export const nestLogger = (log: Logger): LoggerService => ({
  log: (message: unknown, context?: unknown) => log.debug({ context }, String(message)),
  error: (message: unknown, ...rest: unknown[]) => log.error({ rest }, String(message)),
  warn: (message: unknown, context?: unknown) => log.warn({ context }, String(message)),
  debug: (message: unknown, context?: unknown) => log.debug({ context }, String(message)),
  verbose: (message: unknown, context?: unknown) => log.trace({ context }, String(message)),
});

export type { Logger };

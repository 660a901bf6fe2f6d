import type { Logger } from './log';
import { BadSettings } from './env';

export interface Service {
  log: Logger;
  /** Drains, waits for what runs, closes connections. */
  close: () => Promise<void>;
}

/**
 * Starts a service and leaves orderly on SIGTERM or SIGINT.
 * @param leaveWithinMs longest time for `close`, after which the process ends all the same; an executor may be in mid-operation.
 */
export const boot = (start: () => Promise<Service>, leaveWithinMs = 5_000): void => {
  let service: Service | undefined;
  let leaving = false;
  const leave = async (why: string, code: number) => {
    if (leaving) return;
    leaving = true;
    setTimeout(() => process.exit(code || 1), leaveWithinMs).unref();
    service?.log.info({ why }, 'leaving');
    await service?.close().catch((err: unknown) => service?.log.error({ err }, 'could not leave orderly'));
    process.exit(code);
  };
  process.once('SIGTERM', () => void leave('SIGTERM', 0));
  process.once('SIGINT', () => void leave('SIGINT', 0));
  process.on('unhandledRejection', (err) => {
    service?.log.error({ err }, 'a promise was left without a handler');
    if (!service) fail(err);
  });
  // Settings are often read before the first await: that must fail in words as well.
  Promise.resolve()
    .then(start)
    .then((started) => {
      service = started;
      service.log.info('ready to serve');
    }, fail);
};

const fail = (error: unknown): never => {
  process.stderr.write(`${error instanceof BadSettings ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
};

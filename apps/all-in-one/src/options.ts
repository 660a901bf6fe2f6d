import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export interface QuickstartOptions {
  dataDir: string;
  exit: boolean;
  reset: boolean;
  install: boolean;
  /** Nothing is sent to the storage node before its plan is accepted. */
  plan: boolean;
  httpPort?: number;
  natsPort?: number;
  portalPort?: number;
  logLevel: string;
}

export const USAGE = `npm run quickstart -- [options]
  --exit               stop after the tour; exit code 0 if every step was as promised
  --reset              forget all state of earlier runs first
  --plan               after a restore: show what would be done to the storage node, and do none of it before that is accepted
  --data-dir DIR       where state lives (.spindle)
  --http-port N        port of the gateway (3000, or a free one)
  --nats-port N        port of NATS (4222, or a free one)
  --portal-port N      port of the iSCSI portal (3260, or a free one)
  --log-level LEVEL    trace, debug, info, warn or error (info)
  --no-install         install nothing; say what is missing`;

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error'];

/** @throws Error with the usage when an option is unknown or a value is no good. */
export const readOptions = (args: string[]): QuickstartOptions => {
  try {
    const { values } = parseArgs({
      args,
      options: {
        exit: { type: 'boolean', default: false },
        reset: { type: 'boolean', default: false },
        plan: { type: 'boolean', default: false },
        'no-install': { type: 'boolean', default: false },
        'data-dir': { type: 'string', default: '.spindle' },
        'http-port': { type: 'string' },
        'nats-port': { type: 'string' },
        'portal-port': { type: 'string' },
        'log-level': { type: 'string', default: 'info' },
      },
    });
    if (!LEVELS.includes(values['log-level'])) throw new Error(`--log-level must be one of ${LEVELS.join(', ')}`);
    return {
      dataDir: resolve(values['data-dir']),
      exit: values.exit,
      reset: values.reset,
      install: !values['no-install'],
      plan: values.plan,
      httpPort: port('--http-port', values['http-port']),
      natsPort: port('--nats-port', values['nats-port']),
      portalPort: port('--portal-port', values['portal-port']),
      logLevel: values['log-level'],
    };
  } catch (error) {
    throw new Error(`${(error as Error).message}\n\n${USAGE}`, { cause: error });
  }
};

const port = (option: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 65_535) throw new Error(`${option} must be a port, 1 to 65535`);
  return value;
};

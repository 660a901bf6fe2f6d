import { QueryFailedError, QueryRunnerAlreadyReleasedError } from 'typeorm';

/** What Node says of a server that cannot be reached, or is no longer. */
const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/** pg and pg-pool throw plain errors without a code for these (pg/lib/client.js, pg-pool/index.js, version 8.23). */
const CONNECTION_LOST =
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client (was closed|has encountered a connection error)|Cannot use a pool after calling end)/;

/**
 * SQLSTATEs after which the same transaction may succeed later (Postgres, appendix A): connection (08), resources such as
 * connections, memory and disk (53), operator intervention such as shutdown and statement_timeout (57), input or output of the
 * server (58), no login (28), database not there yet (3D000), lock_timeout (55P03), idle_in_transaction_session_timeout (25P03)
 * and a standby that was not yet promoted (25006).
 */
const AWAY = /^(08|53|57|58|28)|^(3D000|55P03|25P03|25006)$/;

/** The transaction was rolled back because of another one: serialization failure and deadlock. */
const TRY_AGAIN = new Set(['40001', '40P01']);

const codeOf = (error: unknown): string => {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : '';
};

/** The connection is of no more use: there is nothing to roll back on it. */
export const connectionLost = (error: unknown): boolean =>
  error instanceof QueryRunnerAlreadyReleasedError ||
  NETWORK.has(codeOf(error)) ||
  /^(08|57P0)/.test(codeOf(error)) ||
  CONNECTION_LOST.test(driverMessage(error));

export const mustTryAgain = (error: unknown): boolean => TRY_AGAIN.has(codeOf(error));

/** True when it is the database's fault and not the query's: the caller may try again later. */
export const databaseAway = (error: unknown): boolean => connectionLost(error) || AWAY.test(codeOf(error)) || mustTryAgain(error);

/** Name of the unique, foreign key, check or exclusion constraint that refused a row. */
export const violatedConstraint = (error: unknown): string | undefined =>
  error instanceof QueryFailedError && codeOf(error).startsWith('23')
    ? (error.driverError as { constraint?: string }).constraint
    : undefined;

/** The database refuses these values, and will again: a text or number that a column cannot hold (22), a constraint (23). */
export const rowRefused = (error: unknown): boolean => error instanceof QueryFailedError && /^2[23]/.test(codeOf(error));

const driverMessage = (error: unknown): string => {
  const { message } = (error instanceof QueryFailedError ? error.driverError : (error ?? {})) as { message?: unknown };
  return typeof message === 'string' ? message : '';
};

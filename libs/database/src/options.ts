import type { EntityTarget, ObjectLiteral } from 'typeorm';
import type { PostgresDataSourceOptions } from 'typeorm/driver/postgres/PostgresDataSourceOptions.js';
import type { Logger } from '#runtime';

export interface DatabaseSettings {
  url: string;
  /** Tables, and the table that remembers which migrations ran, are in this schema. */
  schema: string;
  poolSize: number;
  entities: EntityTarget<ObjectLiteral>[];
  log: Logger;
  /** Shown in pg_stat_activity. */
  application: string;
}

/** Milliseconds. The client's own limit is last: it only strikes when the server has fallen silent. */
export const STATEMENT_TIMEOUT_MS = 5_000;
const LOCK_TIMEOUT_MS = 2_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000;
const CONNECTION_TIMEOUT_MS = 3_000;
const QUERY_TIMEOUT_MS = 7_000;

/** Every wait has an end: for a connection, a lock, a statement, and for a transaction that was left open. */
export const databaseOptions = ({ url, schema, poolSize, entities, log, application }: DatabaseSettings): PostgresDataSourceOptions => ({
  type: 'postgres',
  url,
  schema,
  entities: entities as PostgresDataSourceOptions['entities'],
  poolSize,
  applicationName: application,
  connectTimeoutMS: CONNECTION_TIMEOUT_MS,
  installExtensions: false,
  migrationsTableName: 'migrations',
  logging: false,
  // An idle connection that the server closes raises this; the pool opens another one when it needs it.
  poolErrorHandler: (err: unknown) => log.warn({ err }, 'a database connection was lost'),
  extra: {
    // A connection keeps the plans of named statements, made when Postgres last counted: they would read whole what is a big table by now.
    options: '-c default_transaction_isolation=read\\ committed -c enable_seqscan=off',
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    keepAlive: true,
    pipeline: true,
  },
});

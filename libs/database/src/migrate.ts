import { DataSource, MigrationExecutor, type MigrationInterface, type QueryRunner } from 'typeorm';
import type { Logger } from '#runtime';
import { whenDatabaseIsThere } from './connect';
import { databaseOptions } from './options';

/** In the order in which they are written; the names of the classes end in their time, as TypeORM wants it. */
export type Migrations = (new () => MigrationInterface)[];

/** A migration may rewrite a large table; the next instance waits for the first one to be done. Milliseconds. */
const MIGRATION_TIMEOUT_MS = 600_000;

/**
 * Brings the schema up to date, as its owner, and resolves with the names of what ran; waits for the database. Several
 * instances may start at once: an advisory lock lets one work while the others wait.
 */
export const migrate = (ownerUrl: string, migrations: Migrations, schema: string, log: Logger): Promise<string[]> =>
  whenDatabaseIsThere(log, () =>
    asOwner(ownerUrl, migrations, schema, log, async (executor) => (await executor.executePendingMigrations()).map(({ name }) => name)),
  );

/** Undoes the newest migration that ran; for going back to an older version by hand, and for the tests. */
export const undoLastMigration = (ownerUrl: string, migrations: Migrations, schema: string, log: Logger): Promise<void> =>
  asOwner(ownerUrl, migrations, schema, log, (executor) => executor.undoLastMigration());

/** Names of the migrations that the database lacks. The application's role may read the list, and nothing more. */
export const migrationsPending = async (dataSource: DataSource, migrations: Migrations, schema: string): Promise<string[]> => {
  // Without the first migration there is neither the table nor the right to look into the schema.
  const [found] = await dataSource.query<{ readable: boolean }[]>(
    `SELECT has_schema_privilege(relnamespace, 'USAGE') AND has_table_privilege(pg_class.oid, 'SELECT') AS readable
     FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = $1 AND relname = 'migrations'`,
    [schema],
  );
  const done = found?.readable ? await dataSource.query<{ name: string }[]>(`SELECT name FROM "${schema}"."migrations"`) : [];
  return migrations.map(({ name }) => name).filter((name) => !done.some((migration) => migration.name === name));
};

const asOwner = async <T>(
  url: string,
  migrations: Migrations,
  schema: string,
  log: Logger,
  work: (executor: MigrationExecutor) => Promise<T>,
): Promise<T> => {
  const options = databaseOptions({ url, schema, poolSize: 2, entities: [], log, application: 'spindle migrations' });
  const timeouts = { statement_timeout: MIGRATION_TIMEOUT_MS, query_timeout: MIGRATION_TIMEOUT_MS, lock_timeout: 0 };
  const dataSource = await new DataSource({ ...options, migrations, extra: { ...(options.extra as object), ...timeouts } }).initialize();
  const runner = dataSource.createQueryRunner();
  try {
    await runner.query('SELECT pg_advisory_lock(hashtext($1))', [`spindle migrations of ${schema}`]);
    await ensureSchema(runner, schema);
    const executor = new MigrationExecutor(dataSource, runner);
    executor.transaction = 'each';
    return await work(executor);
  } finally {
    // Closing the connection frees the lock, also after an error.
    await runner.release();
    await dataSource.destroy();
  }
};

/** Whoever prepares the roles usually makes the schema too; then the owner needs no right to create one. */
const ensureSchema = async (runner: QueryRunner, schema: string): Promise<void> => {
  const found = (await runner.query('SELECT FROM pg_namespace WHERE nspname = $1', [schema])) as unknown[];
  if (found.length === 0) await runner.query(`CREATE SCHEMA "${schema}"`);
};

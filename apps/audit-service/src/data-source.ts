import type { DataSource } from 'typeorm';
import { connectDatabase, migrate, migrationsPending, type Migrations } from '#database';
import { BadSettings, type Logger } from '#runtime';
import { Initial1764000000000 } from '../migrations/1764000000000-initial';
import { MerkleLog1764000001000 } from '../migrations/1764000001000-merkle-log';
import { AuditEntryRow } from './audit-entry.entity';
import type { Settings } from './config';

export const SCHEMA = 'audit';

/** In the order in which they run. */
export const MIGRATIONS: Migrations = [Initial1764000000000, MerkleLog1764000001000];

/**
 * Connects as the role of the application, after the owner's migrations when it may run them.
 * @throws BadSettings when the tables are older than the code and it may not.
 */
export const connectTrail = async (settings: Settings, log: Logger): Promise<DataSource> => {
  if (settings.MIGRATION_DATABASE_URL) {
    const ran = await migrate(settings.MIGRATION_DATABASE_URL, MIGRATIONS, SCHEMA, log);
    if (ran.length > 0) log.info({ migrations: ran }, 'the tables are up to date');
  }
  const database = await connectDatabase({
    url: settings.DATABASE_URL,
    schema: SCHEMA,
    poolSize: settings.DATABASE_POOL_SIZE,
    entities: [AuditEntryRow],
    log,
    application: 'audit-service',
  });
  const pending = await migrationsPending(database, MIGRATIONS, SCHEMA);
  if (pending.length === 0) return database;
  await database.destroy();
  throw new BadSettings([`MIGRATION_DATABASE_URL: not set, and these migrations are pending: ${pending.join(', ')}`]);
};

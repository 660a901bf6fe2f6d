import { DataSource } from 'typeorm';
import { sleep, type Logger } from '#runtime';
import { databaseAway } from './database-errors';
import { measurePool } from './measure-pool';
import { databaseOptions, type DatabaseSettings } from './options';
import { inDatabase } from './transaction';

const RETRY_MS = 1_000;
const WARN_EVERY = 10;

/** Does what needs the database at start, waiting for it for as long as it takes: a service may be started first. */
export const whenDatabaseIsThere = async <T>(log: Logger, work: () => Promise<T>): Promise<T> => {
  for (let attempt = 0; ; attempt++) {
    try {
      return await work();
    } catch (err) {
      if (!databaseAway(err)) throw err;
      if (attempt % WARN_EVERY === 0) log.warn({ err }, 'the database is away; waiting for it');
      await sleep(RETRY_MS);
    }
  }
};

/** Later losses heal by themselves, since the pool opens connections as they are asked for. */
export const connectDatabase = async (settings: DatabaseSettings): Promise<DataSource> => {
  const dataSource = await whenDatabaseIsThere(settings.log, () => new DataSource(databaseOptions(settings)).initialize());
  measurePool(dataSource);
  return dataSource;
};

/** For /readyz. A data source that is not there yet counts as down. */
export const databaseCheck = (dataSource: () => DataSource | undefined) => async (): Promise<void> => {
  const connected = dataSource();
  if (!connected) throw new Error('not connected yet');
  await inDatabase(connected, (tx) => tx.query('SELECT 1'));
};

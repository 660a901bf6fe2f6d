import { DataSource } from 'typeorm';
import { sleep } from '#runtime';
import { databaseAway } from './database-errors';
import { databaseOptions, type DatabaseSettings } from './options';

const RETRY_MS = 1_000;

/**
 * Connects, waiting for the database for as long as it takes: a service may be started before it. Later losses heal by
 * themselves, since the pool opens connections as they are asked for.
 */
export const connectDatabase = async (settings: DatabaseSettings): Promise<DataSource> => {
  const dataSource = new DataSource(databaseOptions(settings));
  for (let attempt = 1; ; attempt++) {
    try {
      return await dataSource.initialize();
    } catch (err) {
      if (!databaseAway(err)) throw err;
      if (attempt === 1) settings.log.warn({ err }, 'the database is away; waiting for it');
      await sleep(RETRY_MS);
    }
  }
};

/** For /readyz. A data source that is not there yet counts as down. */
export const databaseCheck = (dataSource: () => DataSource | undefined) => async (): Promise<void> => {
  const connected = dataSource();
  if (!connected) throw new Error('not connected yet');
  await connected.query('SELECT 1');
};

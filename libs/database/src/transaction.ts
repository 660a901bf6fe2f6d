import { QueryFailedError, type DataSource, type EntityManager, type QueryRunner } from 'typeorm';
import { Refused } from '#contracts';
import { sleep } from '#runtime';
import { connectionLost, databaseAway, mustTryAgain } from './database-errors';

export type Isolation = 'READ COMMITTED' | 'REPEATABLE READ' | 'SERIALIZABLE';

type Work<T> = (tx: EntityManager) => Promise<T>;

const ATTEMPTS = 5;

/**
 * Runs `work` in one transaction and commits it. After a serialization failure or deadlock `work` runs again from the start,
 * so it must change nothing but the database.
 * @throws Refused DATABASE_UNAVAILABLE when the database is at fault. Whether a commit whose answer was lost took place is
 * unknown then.
 */
export const inTransaction = async <T>(dataSource: DataSource, work: Work<T>, isolation: Isolation = 'READ COMMITTED'): Promise<T> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await onConnection(dataSource, (runner) => committed(runner, work, isolation));
    } catch (error) {
      if (!mustTryAgain(error) || attempt === ATTEMPTS) throw refusal(error);
      await sleep(Math.random() * 20 * 2 ** attempt);
    }
  }
};

/**
 * Runs `work`, which reads, on one connection without a transaction.
 * @throws Refused DATABASE_UNAVAILABLE when the database is at fault.
 */
export const inDatabase = <T>(dataSource: DataSource, work: Work<T>): Promise<T> =>
  onConnection(dataSource, (runner) => work(runner.manager)).catch((error: unknown) => {
    throw refusal(error);
  });

const refusal = (error: unknown): unknown => (databaseAway(error) ? new Refused('DATABASE_UNAVAILABLE', {}, { cause: error }) : error);

const committed = async <T>(runner: QueryRunner, work: Work<T>, isolation: Isolation): Promise<T> => {
  // said only when it is not the connection's own (options.ts): it is a round trip
  await (isolation === 'READ COMMITTED' ? runner.startTransaction() : runner.startTransaction(isolation));
  const result = await work(runner.manager);
  await runner.commitTransaction();
  return result;
};

const onConnection = async <T>(dataSource: DataSource, work: (runner: QueryRunner) => Promise<T>): Promise<T> => {
  const runner = dataSource.createQueryRunner();
  try {
    await runner.connect();
    return await work(runner);
  } catch (error) {
    // The values of a query may be secret, and errors are logged.
    if (error instanceof QueryFailedError) Object.assign(error, { parameters: [] });
    if (connectionLost(error)) await discard(runner);
    else if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => discard(runner));
    throw error;
  } finally {
    await runner.release();
  }
};

/** A connection on which the server fell silent may never speak again. The pool drops ended clients, and opens another. */
const discard = async (runner: QueryRunner): Promise<void> => {
  if (runner.isReleased) return;
  const client = (await runner.connect().catch(() => undefined)) as { end: () => Promise<void> } | undefined;
  void client?.end().catch(() => undefined);
};

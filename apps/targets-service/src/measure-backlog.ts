import type { DataSource } from 'typeorm';
import { inDatabase } from '#database';
import { gauge, sleep, type Logger } from '#runtime';

const EVERY_MS = 5_000;
const MOST_COUNTED = 10_000;

const waiting = gauge('spindle_outbox_waiting', `Messages not yet stored by JetStream; no more than ${MOST_COUNTED} are counted`);
const oldest = gauge('spindle_outbox_oldest_seconds', 'Age of the oldest message not yet stored');
const lag = gauge('spindle_reconcile_lag_seconds', 'Age of the oldest operation that is not done');
const unsettled = gauge('spindle_operations_unsettled', 'Operations that were tried and of which nobody knows for certain how they ended');
const unsettledFor = gauge('spindle_operations_unsettled_oldest_seconds', 'Age of the oldest of them');

interface Backlog {
  waiting: number;
  oldest: number;
  lag: number;
  unsettled: number;
  unsettled_oldest: number;
}

const AGE = (of: string) => `coalesce(extract(epoch FROM now() - min(${of})), 0)::float`;

/** Read from the tables: what stands still, because NATS or a node is away, says nothing of itself. */
export const measureBacklog = async (database: DataSource, log: Logger, leaving: AbortSignal): Promise<void> => {
  while (!leaving.aborted) {
    try {
      const [found] = await inDatabase(database, (tx) => tx.query<[Backlog]>(BACKLOG));
      waiting.set(found.waiting);
      oldest.set(found.oldest);
      lag.set(found.lag);
      unsettled.set(found.unsettled);
      unsettledFor.set(found.unsettled_oldest);
    } catch (err) {
      log.debug({ err }, 'the backlog could not be measured');
    }
    await sleep(EVERY_MS, leaving);
  }
};

export const BACKLOG = `
  SELECT outbox.*, operations.* FROM
    (SELECT count(*)::int AS waiting, ${AGE('created_at')} AS oldest
     FROM (SELECT position FROM targets.outbox_waiting ORDER BY position LIMIT ${MOST_COUNTED}) AS unpublished JOIN targets.outbox USING (position)) AS outbox,
    (SELECT ${AGE('updated_at')} AS lag, count(*) FILTER (WHERE attempts > 0)::int AS unsettled,
            coalesce(extract(epoch FROM now() - min(updated_at) FILTER (WHERE attempts > 0)), 0)::float AS unsettled_oldest
     FROM targets.targets WHERE operation IS NOT NULL) AS operations`;

import type { DataSource } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import { gauge } from '#runtime';

const EVERY_MS = 1_000;

const inUse = gauge('spindle_database_connections_in_use', 'Connections to Postgres that a request works with');
const waiting = gauge('spindle_database_waiting', 'Requests that wait for a connection to Postgres');

/** As pg's pool counts. */
export const measurePool = (dataSource: DataSource): void => {
  const timer = setInterval(() => {
    if (!dataSource.isInitialized) return clearInterval(timer);
    const pool = (dataSource.driver as PostgresDriver).master as { totalCount: number; idleCount: number; waitingCount: number };
    inUse.set(pool.totalCount - pool.idleCount);
    waiting.set(pool.waitingCount);
  }, EVERY_MS).unref();
};

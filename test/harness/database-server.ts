import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { provisionDatabase, startPostgres, type DatabaseUrls } from '#embedded';

const say = () => undefined;

/**
 * A Postgres that can be killed and started again on the same port.
 * @param durable false is faster; a killed server may then lose what it had committed
 */
export const startDatabaseServer = async ({ durable }: { durable: boolean }) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'spindle-spec-postgres-'));
  let server = await startPostgres({ dataDir, durable, log: say });
  return {
    provision: (database: string): Promise<DatabaseUrls> => provisionDatabase(server.superuserUrl, database),
    superuserUrl: (database: string) => Object.assign(new URL(server.superuserUrl), { pathname: `/${database}` }).toString(),
    kill: () => server.kill(),
    start: async () => {
      server = await startPostgres({ dataDir, port: server.port, durable, log: say });
    },
    stop: async () => {
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
};

export type DatabaseServer = Awaited<ReturnType<typeof startDatabaseServer>>;

export const runSql = async <T>(url: string, text: string, values: unknown[] = []): Promise<T[]> => {
  const client = new Client({ connectionString: url });
  await client.connect();
  return client
    .query(text, values)
    .then(({ rows }) => rows as T[])
    .finally(() => client.end());
};

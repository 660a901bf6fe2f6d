import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { projectRoot } from './project-root';

const roles = ['targets_owner', 'targets_app', 'audit_owner', 'audit_app'] as const;
type Role = (typeof roles)[number];

/** One per role. They hold passwords: keep them in files of mode 0600 only. `_owner` runs migrations, `_app` serves requests. */
export type DatabaseUrls = Record<Role, string>;

/**
 * Makes the database with the roles and schemas of deploy/postgres-init.sql where they are missing. The roles get new random passwords
 * each time, so nobody has to remember them; connections that are open stay open.
 */
export async function provisionDatabase(superuserUrl: string, database = 'spindle'): Promise<DatabaseUrls> {
  await withClient(superuserUrl, async (client) => {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [database]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(database)}`);
  });
  const urls = {} as DatabaseUrls;
  await withClient(urlOf(superuserUrl, { database }), async (client) => {
    await client.query(readFileSync(join(projectRoot(), 'deploy/postgres-init.sql'), 'utf8'));
    for (const role of roles) {
      const password = randomBytes(24).toString('base64url');
      await client.query(`ALTER ROLE ${role} PASSWORD ${client.escapeLiteral(password)}`);
      urls[role] = urlOf(superuserUrl, { database, username: role, password });
    }
  });
  return urls;
}

async function withClient(connectionString: string, work: (client: Client) => Promise<void>): Promise<void> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

function urlOf(base: string, { database, ...login }: { database: string; username?: string; password?: string }): string {
  return Object.assign(new URL(base), { pathname: `/${database}`, ...login }).toString();
}

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { isReady, passwordFile } from './postgres';
import { processesIn } from './process-record';

/** What the server makes anew, or must not find after a restore. As pg_basebackup leaves it out (basebackup.c, excludeDirContents and excludeFiles). */
const EMPTY_FOLDERS = new Set([
  'pg_wal',
  'pg_replslot',
  'pg_dynshmem',
  'pg_notify',
  'pg_serial',
  'pg_snapshots',
  'pg_stat_tmp',
  'pg_subtrans',
]);
const LEFT_OUT =
  /^(postmaster\.(pid|opts)|backup_(label|manifest)(\.old)?|(recovery|standby)\.signal|pg_internal\.init.*|pgsql_tmp.*|.*\.tmp)$/;
const SEGMENT = /^[0-9A-F]{24}$/;

export type PostgresBackup = { version: string; startLsn: string; stopLsn: string; walSegments: string[] };

/** How to reach the server that runs on a data folder of `startPostgres`, as superuser; undefined when none does. */
export function runningPostgresUrl(dataDir: string): string | undefined {
  const cluster = join(dataDir, 'cluster');
  try {
    const lines = readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n');
    const pid = Number(lines[0]);
    if (!processesIn(cluster, 'postgres').includes(pid) || !isReady(cluster, pid)) return undefined;
    return `postgresql://postgres:${readFileSync(passwordFile(dataDir), 'utf8').trim()}@127.0.0.1:${lines[3]}/postgres`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Copies the cluster of a running server, with the WAL that makes the copy whole: `startPostgres` on it recovers to the moment at which
 * this ended. Nobody who uses the server notices but by the reading. Needs no program of Postgres.
 *
 * @param to a folder that is there and empty
 * @throws Error when the server ends meanwhile, or has tablespaces elsewhere. It has no backup under way then.
 */
export async function backUpPostgres(superuserUrl: string, cluster: string, to: string): Promise<PostgresBackup> {
  const client = new Client({ connectionString: superuserUrl, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined); // the query under way fails with it
  await client.connect();
  try {
    const { rows: elsewhere } = await client.query("SELECT FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')");
    if (elsewhere.length > 0) throw new Error('The database has tablespaces outside its folder, which this cannot copy.');
    // of this session alone: WAL from now on is kept until we are gone
    await client.query("SELECT pg_create_physical_replication_slot('spindle_backup_' || pg_backend_pid(), true, true)");
    const startLsn = await text(client, "SELECT pg_backup_start('spindle', true)::text");
    await copyTree(cluster, to);
    await copyControlFile(join(cluster, 'global/pg_control'), join(to, 'global/pg_control'));
    const { rows } = await client.query<{ lsn: string; labelfile: string }>('SELECT lsn::text, labelfile FROM pg_backup_stop(false)');
    const [{ lsn: stopLsn, labelfile }] = rows as [(typeof rows)[0]];
    writeFileSync(join(to, 'backup_label'), labelfile, { mode: 0o600 });
    const walSegments = await copyWal(client, cluster, to, startLsn, stopLsn);
    return { version: await text(client, 'SHOW server_version'), startLsn, stopLsn, walSegments };
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The server goes on writing: files may grow, shrink and vanish on the way. What the WAL says of them is done to the copy at its start. */
async function copyTree(from: string, to: string): Promise<void> {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) {
      mkdirSync(target, { mode: 0o700 });
      if (EMPTY_FOLDERS.has(entry.name)) continue;
      await copyTree(source, target).catch(ignoreGone);
    } else if (entry.isFile() && !LEFT_OUT.test(entry.name) && entry.name !== 'pg_control')
      await copyPrivately(source, target).catch(ignoreGone);
  }
}

const ignoreGone = (error: unknown): void => {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
};

async function copyPrivately(source: string, target: string): Promise<void> {
  writeFileSync(target, '', { mode: 0o600, flag: 'wx' });
  await copyFile(source, target);
}

/** Last, as pg_basebackup does; and the same twice, since the server may be writing it while we read. */
async function copyControlFile(source: string, target: string): Promise<void> {
  for (;;) {
    const [first, second] = [await readFile(source), await readFile(source)];
    if (first.equals(second)) return writeFile(target, first, { mode: 0o600 });
  }
}

async function copyWal(client: Client, cluster: string, to: string, startLsn: string, stopLsn: string): Promise<string[]> {
  mkdirSync(join(to, 'pg_wal/archive_status'), { mode: 0o700 });
  // the stop is behind the last byte that is needed
  const { rows } = await client.query<{ first: string; last: string; bytes: string }>(
    `SELECT pg_walfile_name($1::pg_lsn) AS first, pg_walfile_name($2::pg_lsn - 1) AS last,
       (SELECT setting FROM pg_settings WHERE name = 'wal_segment_size') AS bytes`,
    [startLsn, stopLsn],
  );
  const [{ first, last, bytes }] = rows as [(typeof rows)[0]];
  const names = readdirSync(join(cluster, 'pg_wal')).filter((name) => SEGMENT.test(name) && name >= first && name <= last);
  if (!names.includes(first) || !names.includes(last)) throw new Error('WAL that the copy needs is gone.');
  const histories = readdirSync(join(cluster, 'pg_wal')).filter((name) => name.endsWith('.history'));
  for (const name of [...names, ...histories]) await copyPrivately(join(cluster, 'pg_wal', name), join(to, 'pg_wal', name));
  const needed = segmentNumber(last, Number(bytes)) - segmentNumber(first, Number(bytes)) + 1;
  if (names.length !== needed) throw new Error(`WAL that the copy needs is gone: ${needed} segments, and ${names.length} are there.`);
  return names.sort();
}

/** The last 16 digits are the place; the upper half counts 4 GB each. */
function segmentNumber(name: string, segmentBytes: number): number {
  return parseInt(name.slice(8, 16), 16) * (2 ** 32 / segmentBytes) + parseInt(name.slice(16), 16);
}

async function text(client: Client, query: string): Promise<string> {
  const { rows } = await client.query<[string]>({ text: query, rowMode: 'array' });
  return rows[0]![0];
}

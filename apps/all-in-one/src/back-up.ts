import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { backUpPostgres, projectRoot, runningPostgresUrl, startPostgres } from '#embedded';
import { backUpTrail } from '../../audit-service/src/back-up-trail';
import { writeManifest, type Manifest } from './backup-manifest';
import { CannotDo, makeFolder } from './work-folder';

export interface BackupOptions {
  dataDir: string;
  /** Made by this, or empty. */
  to: string;
  say: (line: string) => void;
}

/** Files of the data folder besides database and secrets that a restore needs. */
export const CHECKPOINT_FILE = 'audit-checkpoints.txt';
/** Below the backup: the export of the trail; its key is beside it. */
export const TRAIL_FILE = 'audit/trail.ndjson';

/**
 * Database, keys and a verified export of the audit trail, in a folder that is there when all is in it. Spindle may run meanwhile, and notices
 * nothing; when it does not, Postgres alone is started for it. What belongs to a storage node is not in it: images, journal, saved configuration.
 * @throws CannotDo, BadTrail, Inconsistent, with nothing left
 */
export const backUp = async ({ dataDir, to, say }: BackupOptions): Promise<Manifest> => {
  if (!existsSync(join(dataDir, 'postgres/cluster')))
    throw new CannotDo(`${dataDir} is no data folder of Spindle: it has no postgres/cluster`);
  return makeFolder(to, async (folder) => {
    const running = runningPostgresUrl(join(dataDir, 'postgres'));
    if (running) return copyAll(running, dataDir, folder);
    say('Spindle does not run: starting its Postgres for the backup');
    const server = await startPostgres({ dataDir: join(dataDir, 'postgres'), log: say });
    try {
      return await copyAll(server.superuserUrl, dataDir, folder);
    } finally {
      await server.stop();
    }
  });
};

const copyAll = async (url: string, dataDir: string, folder: string): Promise<Manifest> => {
  for (const name of ['audit', 'postgres/cluster']) mkdirSync(join(folder, name), { recursive: true, mode: 0o700 });
  const keysBefore = secretsText(dataDir);
  const madeAt = new Date().toISOString();
  // what it covers is in the database from before the copy begins
  const audit = await backUpTrail(url, join(dataDir, 'secrets/audit-key.pem'), join(folder, TRAIL_FILE));
  const postgres = await backUpPostgres(url, join(dataDir, 'postgres/cluster'), join(folder, 'postgres/cluster'));
  copy(dataDir, folder, 'postgres/superuser-password');
  copy(dataDir, folder, 'secrets');
  if (existsSync(join(dataDir, CHECKPOINT_FILE))) copy(dataDir, folder, CHECKPOINT_FILE);
  // a key that was changed on the way might be neither the one of the rows before nor the one of those after
  if (secretsText(dataDir) !== keysBefore) throw new CannotDo('keys were changed during the backup: run it again');
  const { version } = JSON.parse(readFileSync(join(projectRoot(), 'package.json'), 'utf8')) as { version: string };
  const { startLsn, stopLsn, walSegments } = postgres;
  return writeManifest(
    folder,
    {
      made_at: madeAt,
      spindle_version: version,
      postgres: { version: postgres.version, start_lsn: startLsn, stop_lsn: stopLsn, wal_segments: walSegments },
      audit,
    },
    ['at-work'],
  );
};

const copy = (dataDir: string, folder: string, name: string): void => cpSync(join(dataDir, name), join(folder, name), { recursive: true });

/** The ring that opens what is in the database. */
const secretsText = (dataDir: string): string => readFileSync(join(dataDir, 'secrets/secrets-keys'), 'utf8');

import { existsSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Client } from 'pg';
import { startPostgres } from '#embedded';
import { TRAIL_FILE } from '../../apps/all-in-one/src/back-up';
import { readManifest, writeManifest } from '../../apps/all-in-one/src/backup-manifest';
import { restore } from '../../apps/all-in-one/src/restore';

const quiet = () => undefined;

export interface Refused {
  what: string;
  /** Why the restore was refused, and whether anything of it is left. */
  reason: string;
  /** What the reason must name. */
  names: string;
}

const refusalOf = async (from: string, dataDir: string): Promise<string> => {
  const reason = await restore({ from, dataDir, actor: 'prove', say: quiet }).then(
    () => 'restored',
    (error: Error) => error.message,
  );
  const left = existsSync(dataDir) || readdirSync(dirname(dataDir)).some((name) => name.includes('unfinished'));
  rmSync(dataDir, { recursive: true, force: true });
  return left ? `${reason}, and something is LEFT` : reason;
};

const flip = (file: string): void => {
  const bytes = readFileSync(file);
  const at = Math.floor(bytes.length / 2);
  bytes[at] = bytes[at]! ^ 1;
  writeFileSync(file, bytes);
};

/** One bit in a file of each sort, a file too few and one too many; each is put right before the next. @param copy of a backup */
export const damageFiles = async (copy: string, dataDir: string): Promise<Refused[]> => {
  const wal = `postgres/cluster/pg_wal/${readManifest(copy).postgres.wal_segments[0]!}`;
  const seen: Refused[] = [];
  const attempt = async (what: string, names: string, change: () => void, undo: () => void) => {
    change();
    seen.push({ what, reason: await refusalOf(copy, dataDir), names });
    undo();
  };
  for (const file of ['postgres/cluster/global/pg_control', wal, 'secrets/secrets-keys', TRAIL_FILE]) {
    const change = () => flip(join(copy, file));
    await attempt(`a bit of ${file}`, file, change, change);
  }
  for (const [file, names] of [
    ['secrets/audit-key.pem', 'lacks secrets/audit-key.pem'],
    ['manifest.json', 'no finished backup'],
  ] as const) {
    const [there, away] = [join(copy, file), join(dirname(copy), 'taken-out')];
    await attempt(
      `${file} taken out`,
      names,
      () => renameSync(there, away),
      () => renameSync(away, there),
    );
  }
  const signal = join(copy, 'postgres/cluster/recovery.signal');
  await attempt(
    'a file put in',
    'recovery.signal',
    () => writeFileSync(signal, ''),
    () => rmSync(signal),
  );
  return seen;
};

/**
 * An entry changed by somebody who knows the product and makes the sums of files fit: in the export, and in the database.
 * @param copy of a backup, which is one no more afterwards
 */
export const forgeTrail = async (copy: string, dataDir: string, seq: number): Promise<Refused[]> => {
  const names = `entry ${seq} `;
  const trail = join(copy, TRAIL_FILE);
  const honest = readFileSync(trail, 'utf8');
  const forged = honest
    .split('\n')
    .map((line) => (line.includes(`"seq":${seq},`) ? line.replace('"outcome":"allowed"', '"outcome":"denied"') : line));
  writeFileSync(trail, forged.join('\n'));
  writeManifest(copy, readManifest(copy));
  const inExport = { what: 'an entry of the export', reason: await refusalOf(copy, dataDir), names };

  writeFileSync(trail, honest);
  await forgeInDatabase(join(copy, 'postgres'), seq);
  writeManifest(copy, readManifest(copy));
  return [inExport, { what: 'an entry in the database', reason: await refusalOf(copy, dataDir), names }];
};

const forgeInDatabase = async (dataDir: string, seq: number): Promise<void> => {
  const server = await startPostgres({ dataDir, durable: false, log: quiet });
  const client = new Client({ connectionString: server.superuserUrl.replace(/\/postgres$/, '/spindle') });
  try {
    await client.connect();
    await client.query('ALTER TABLE audit.entries DISABLE TRIGGER ALL');
    await client.query(`UPDATE audit.entries SET actor = 'nobody' WHERE seq = $1`, [seq]);
  } finally {
    await client.end();
    await server.stop();
  }
  for (const left of ['process.json', 'postgres.log']) rmSync(join(dataDir, left), { force: true });
};

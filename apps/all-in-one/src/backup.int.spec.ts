import { createPrivateKey } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate } from '#database';
import { provisionDatabase, startPostgres, type DatabaseUrls, type RunningPostgres } from '#embedded';
import { AnonymousRefusals, createLog } from '#runtime';
import { intent, unasked } from '../../../test/harness/audit-trail';
import { runSql } from '../../../test/harness/database-server';
import { Settings } from '../../audit-service/src/config';
import { connectTrail } from '../../audit-service/src/data-source';
import { Parts } from '../../audit-service/src/parts';
import { recordEntries } from '../../audit-service/src/record-entries';
import { signIfDue } from '../../audit-service/src/sign-checkpoint';
import { MIGRATIONS, SCHEMA } from '../../targets-service/src/data-source';
import { backUp } from './back-up';
import { keepCredentials } from './credentials';
import { restore } from './restore';

const log = createLog('spec', 'silent');
const quiet = () => undefined;
const root = mkdtempSync(join(tmpdir(), 'spindle-backup-'));
const dataDir = join(root, 'data');
const backup = join(root, 'backup');
let postgres: RunningPostgres;
let urls: DatabaseUrls;
let entries = 0;

const start = async () => {
  postgres = await startPostgres({ dataDir: join(dataDir, 'postgres'), durable: false, log: quiet });
  urls = await provisionDatabase(postgres.superuserUrl);
};

/** As audit-service does, and signs. */
const record = async (count: number) => {
  const { auditKeyFile } = keepCredentials(dataDir);
  const settings = { DATABASE_URL: urls.audit_app, MIGRATION_DATABASE_URL: urls.audit_owner, AUTH_PUBLIC_KEY_FILE: '-' };
  const database = await connectTrail(Settings.parse({ ...settings, AUDIT_SIGNING_KEY_FILE: '-' }), log);
  const signer = { origin: 'spindle.invalid/audit', privateKey: createPrivateKey(readFileSync(auditKeyFile)) };
  const parts = new Parts(database, unasked, signer, new AnonymousRefusals(1), log);
  for (let at = 0; at < count; at++) await recordEntries(parts, intent());
  await database.transaction((tx) => signIfDue(tx, signer, { entries: 1, seconds: 1 }, []));
  await database.destroy();
  entries += count;
};

const sql = <T>(url: string, text: string): Promise<T[]> => runSql(url.replace(/\/postgres$/, '/spindle'), text);

const restored = (name: string) =>
  restore({ from: backup, dataDir: join(root, name), actor: 'os:spec', say: quiet }).catch((error: Error) => error.message);

jest.setTimeout(40_000);
beforeAll(async () => {
  mkdirSync(dataDir);
  await start();
  await migrate(urls.targets_owner, MIGRATIONS, SCHEMA, log);
  await record(5);
}, 60_000);
afterAll(async () => {
  await postgres?.stop();
  rmSync(root, { recursive: true, force: true });
});

it('is made of a running database, readable by its owner alone, and never into a folder with something in it', async () => {
  mkdirSync(join(root, '.backup.unfinished'));
  writeFileSync(join(root, '.backup.unfinished/of-a-run-that-was-killed'), '');

  const { audit, files } = await backUp({ dataDir, to: backup, say: quiet });
  const again = await backUp({ dataDir, to: backup, say: quiet }).catch((error: Error) => error.message);

  const all = readdirSync(backup, { recursive: true, withFileTypes: true }).map((entry) => join(entry.parentPath, entry.name));
  expect(audit.size).toBe(entries);
  expect(again).toMatch(/is not empty: nothing was changed$/);
  expect(all.filter((path) => (statSync(path).mode & 0o077) !== 0)).toEqual([]);
  expect(Object.keys(files)).toEqual(
    expect.arrayContaining(['postgres/cluster/backup_label', 'secrets/secrets-keys', 'secrets/audit-key.pem', 'audit/trail.ndjson.key']),
  );
  expect(readdirSync(root).filter((name) => name.includes('unfinished'))).toEqual([]);
});

it('becomes a data folder as of its moment, with the restore in the trail and every node held', async () => {
  await sql(
    postgres.superuserUrl,
    `INSERT INTO targets.storage_nodes (id, name, status, version, portal_address, portal_port, last_seen_at, report)
     VALUES ('n', 'n', 'online', 1, '192.0.2.1', 3260, now(), '{}')`,
  );
  rmSync(backup, { recursive: true });
  await backUp({ dataDir, to: backup, say: quiet });
  await record(2);

  const result = await restored('good');

  expect(result).toMatchObject({ entries: entries - 2, nodesHeld: 1, beyond: 0 });
  const server = await startPostgres({ dataDir: join(root, 'good/postgres'), durable: false, log: quiet });
  const trail = await sql<{ action: string; actor: string }>(server.superuserUrl, 'SELECT action, actor FROM audit.entries ORDER BY seq');
  const held = await sql(server.superuserUrl, 'SELECT id FROM targets.storage_nodes WHERE held_at IS NULL');
  await server.stop();
  expect(trail).toHaveLength(entries - 1);
  expect(trail.at(-1)).toEqual({ action: 'database.restored', actor: 'os:spec' });
  expect(held).toEqual([]);
});

it('is made of a database that is stopped, too', async () => {
  await postgres.stop();
  rmSync(backup, { recursive: true });

  const { audit } = await backUp({ dataDir, to: backup, say: quiet });
  await start();

  expect(audit.size).toBe(entries);
});

describe('with a manifest that was tampered with', () => {
  type Edited = { format: number; audit: { size: number; root: string }; files: Record<string, string> };
  const zeros = '0'.repeat(64);
  const root32 = Buffer.alloc(32).toString('base64');

  it.each<[string, (manifest: Edited) => unknown, RegExp]>([
    ['of another format', (manifest) => (manifest.format = 2), /format 2, and this version reads 1/],
    ['without a part', (manifest) => delete (manifest as Partial<Edited>).audit, /manifest.json is damaged: audit/],
    ['with another sum', ({ files }) => (files['secrets/secrets-keys'] = zeros), /secrets\/secrets-keys in the backup is not as it was/],
    ['with a file too few', ({ files }) => delete files['postgres/cluster/PG_VERSION'], /has postgres\/cluster\/PG_VERSION, which was not/],
    ['with a file too many', ({ files }) => (files['secrets/other'] = zeros), /lacks secrets\/other/],
    ['with another size of the trail', ({ audit }) => (audit.size -= 1), /goes to entry \d+, and the manifest says/],
    ['with another root of the trail', ({ audit }) => (audit.root = root32), /is not the one of the head that was kept elsewhere/],
  ])('%s it is refused, and nothing is left', async (_, edit, reason) => {
    const file = join(backup, 'manifest.json');
    const honest = readFileSync(file, 'utf8');
    const manifest = JSON.parse(honest) as Edited;
    edit(manifest);
    writeFileSync(file, JSON.stringify(manifest));

    const refusal = await restored('never');
    writeFileSync(file, honest);

    expect(refusal).toMatch(reason);
    expect(existsSync(join(root, 'never'))).toBe(false);
    expect(readdirSync(root).filter((name) => name.includes('unfinished'))).toEqual([]);
  });
});

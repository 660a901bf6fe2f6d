import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { haveEnded, isRunning, runElsewhere, withTakenPort } from '../test/other-process';
import { startPostgres, type RunningPostgres } from './postgres';
import { PortTaken } from './ports';
import { provisionDatabase } from './provision-database';

const log = (): void => undefined;
jest.setTimeout(30_000);

let root: string;
let dataDir: string;
let postgres: RunningPostgres;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'spindle-postgres-'));
  dataDir = join(root, 'data');
  postgres = await startPostgres({ dataDir, durable: false, log });
});

afterAll(async () => {
  await postgres?.stop();
  rmSync(root, { recursive: true, force: true });
});

async function ask(connectionString: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

const outcome = (url: string, sql: string): Promise<string> =>
  ask(url, sql).then(
    () => 'done',
    (error: { code: string }) => error.code,
  );

describe('the embedded Postgres', () => {
  it('keeps committed rows over a SIGKILL, on the port it had', async () => {
    const { superuserUrl, port } = postgres;
    await ask(superuserUrl, 'CREATE TABLE kept (n int); INSERT INTO kept VALUES (1), (2)');

    await postgres.kill();
    postgres = await startPostgres({ dataDir, port, durable: false, log });

    expect(await ask(superuserUrl, 'SELECT n FROM kept ORDER BY n')).toEqual([{ n: 1 }, { n: 2 }]);
  });

  it('says which named port is taken', async () => {
    await withTakenPort(async (port) => {
      const failure = await startPostgres({ dataDir: join(root, 'other'), port, durable: false, log }).catch((error: unknown) => error);

      expect(failure).toBeInstanceOf(PortTaken);
      expect(String(failure)).toContain(`Port ${port} on 127.0.0.1`);
    });
  });

  it('refuses a second start on its folder while its starter lives', async () => {
    await expect(startPostgres({ dataDir, log })).rejects.toThrow(`in use by process ${process.pid}`);
  });

  it('replaces a server whose starter and guard were both killed', async () => {
    const folder = join(root, 'orphaned');
    const start = `const { pid } = await embedded.startPostgres({ dataDir: ${JSON.stringify(folder)}, durable: false, log() {} }); console.log(pid);`;
    const { starter, said } = await runElsewhere(start);
    const guards = execFileSync('ps', ['-o', 'pid=', '--ppid', String(starter.pid)], { encoding: 'utf8' })
      .trim()
      .split(/\s+/)
      .map(Number);
    for (const pid of [...guards.filter((child) => child !== Number(said)), starter.pid]) process.kill(pid, 'SIGKILL');
    expect(await haveEnded([starter.pid])).toBe(true);
    expect(isRunning(Number(said))).toBe(true);

    const next = await startPostgres({ dataDir: folder, durable: false, log });

    expect(await haveEnded([Number(said)])).toBe(true);
    await next.stop();
  });

  it('keeps its superuser password in a file for nobody else', () => {
    expect(statSync(join(dataDir, 'superuser-password')).mode & 0o777).toBe(0o600);
  });
});

describe('the provisioned database', () => {
  it.each([
    ['the targets service', 'targets', { insert: 'done', update: 'done', delete: 'done', truncate: '42501', create: '42501' }],
    ['the audit service', 'audit', { insert: 'done', update: '42501', delete: '42501', truncate: '42501', create: '42501' }],
  ] as const)('lets %s do no more than it needs', async (_, schema, expected) => {
    const urls = await provisionDatabase(postgres.superuserUrl);
    const app = urls[`${schema}_app`];
    await ask(urls[`${schema}_owner`], 'CREATE TABLE entries (id bigserial, text text)');

    const seen = {
      insert: await outcome(app, "INSERT INTO entries (text) VALUES ('a')"),
      update: await outcome(app, "UPDATE entries SET text = 'b'"),
      delete: await outcome(app, 'DELETE FROM entries'),
      truncate: await outcome(app, 'TRUNCATE entries'),
      create: await outcome(app, 'CREATE TABLE more (id int)'),
    };

    expect(seen).toEqual(expected);
  });

  it('shows neither service the tables of the other', async () => {
    const urls = await provisionDatabase(postgres.superuserUrl);

    expect(await outcome(urls.audit_app, 'SELECT * FROM targets.entries')).toBe('42501');
    expect(await outcome(urls.targets_app, 'SELECT * FROM audit.entries')).toBe('42501');
  });

  it('gives a database cloned from it the same rights', async () => {
    const urls = await provisionDatabase(postgres.superuserUrl, 'template_of_tests');
    await ask(postgres.superuserUrl, 'CREATE DATABASE cloned TEMPLATE template_of_tests');
    const inClone = (url: string): string => Object.assign(new URL(url), { pathname: '/cloned' }).toString();
    await ask(inClone(urls.audit_owner), 'CREATE TABLE entries (id int)');

    expect(await outcome(inClone(urls.audit_app), 'INSERT INTO entries VALUES (1)')).toBe('done');
    expect(await outcome(inClone(urls.audit_app), 'DELETE FROM entries')).toBe('42501');
  });
});

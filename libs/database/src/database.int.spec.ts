import { Column, DataSource, Entity, PrimaryColumn } from 'typeorm';
import { Refused, type Page } from '#contracts';
import { createLog, sleep } from '#runtime';
import { runSql, startDatabaseServer, type DatabaseServer } from '../../../test/harness/database-server';
import { connectDatabase, databaseCheck, inDatabase, inTransaction, listPage } from './index';

@Entity({ schema: 'targets', name: 'accounts' })
class Account {
  @PrimaryColumn('integer') seq: number;
  @Column('integer') amount: number;
}

const lost: unknown[] = [];

describe('a database', () => {
  let server: DatabaseServer;
  let database: DataSource;
  let ownerUrl: string;

  beforeAll(async () => {
    server = await startDatabaseServer({ durable: false });
    const urls = await server.provision('spindle');
    ownerUrl = urls.targets_owner;
    await runSql(ownerUrl, 'CREATE TABLE targets.accounts (seq integer PRIMARY KEY, amount integer NOT NULL)');
    await runSql(ownerUrl, 'INSERT INTO targets.accounts SELECT n, 0 FROM generate_series(1, 12) AS n');
    const log = createLog('spec', 'silent');
    log.warn = (first: unknown) => void lost.push(first);
    const settings = { url: urls.targets_app, schema: 'targets', poolSize: 2, entities: [Account], log, application: 'spec' };
    database = await connectDatabase(settings);
  }, 60_000);

  afterAll(async () => {
    await database.destroy();
    await server.stop();
  });

  const codeOf = (work: Promise<unknown>) =>
    work.then(
      () => 'done',
      (error: unknown) => (error instanceof Refused ? error.code : String(error)),
    );
  const add = (seq: number) => `UPDATE targets.accounts SET amount = amount + 1 WHERE seq = ${seq}`;
  const amounts = async () =>
    (await runSql<Account>(ownerUrl, 'SELECT amount FROM targets.accounts WHERE seq <= 2 ORDER BY seq')).map(({ amount }) => amount);

  it('lets both of two transactions through that stand in each other’s way', async () => {
    const before = await amounts();
    const both = (first: number, second: number) =>
      inTransaction(database, async (tx) => {
        await tx.query(add(first));
        await sleep(100);
        await tx.query(add(second));
      });

    const codes = await Promise.all([codeOf(both(1, 2)), codeOf(both(2, 1))]);

    expect(codes).toEqual(['done', 'done']);
    expect(await amounts()).toEqual(before.map((amount) => amount + 2));
  });

  it('lets both of two serializable transactions through that read what the other writes', async () => {
    const before = await amounts();
    const addSum = () =>
      inTransaction(
        database,
        async (tx) => {
          const [row] = await tx.query<{ amount: number }[]>('SELECT amount FROM targets.accounts WHERE seq = 1');
          await sleep(100);
          await tx.query('UPDATE targets.accounts SET amount = $1 WHERE seq = 1', [row!.amount + 1]);
        },
        'SERIALIZABLE',
      );

    await Promise.all([addSum(), addSum()]);

    expect((await amounts())[0]).toBe(before[0]! + 2);
  });

  it('undoes everything when the work throws', async () => {
    const before = await amounts();

    const code = await codeOf(
      inTransaction(database, async (tx) => {
        await tx.query(add(1));
        throw new Refused('TARGET_IN_USE');
      }),
    );

    expect(code).toBe('TARGET_IN_USE');
    expect(await amounts()).toEqual(before);
  });

  it('leaves the values out of an error, since errors are logged', async () => {
    const error: unknown = await inDatabase(database, (tx) => tx.query('SELECT $1::integer', ['hunter2'])).catch(
      (thrown: unknown) => thrown,
    );

    expect((error as { parameters: unknown }).parameters).toEqual([]);
    expect((error as { code: string }).code).toBe('22P02');
  });

  it.each([
    ['a lock that is held', 'SELECT amount FROM targets.accounts WHERE seq = 1 FOR UPDATE', 2_000],
    ['a statement that takes too long', 'SELECT pg_sleep(20)', 5_000],
  ])(
    'answers DATABASE_UNAVAILABLE in time to %s',
    async (_what, sql, limitMs) => {
      const holder = database.createQueryRunner();
      await holder.startTransaction();
      await holder.query('SELECT amount FROM targets.accounts WHERE seq = 1 FOR UPDATE');
      const started = Date.now();

      const code = await codeOf(inTransaction(database, (tx) => tx.query(sql)));

      const tookMs = Date.now() - started;
      await holder.rollbackTransaction();
      await holder.release();
      expect(code).toBe('DATABASE_UNAVAILABLE');
      expect(tookMs).toBeGreaterThan(limitMs - 200);
      expect(tookMs).toBeLessThan(limitMs + 2_000);
    },
    20_000,
  );

  it('answers DATABASE_UNAVAILABLE when all connections are taken, and goes on when they are free', async () => {
    const holders = [database.createQueryRunner(), database.createQueryRunner()];
    await Promise.all(holders.map((holder) => holder.connect()));

    const code = await codeOf(inDatabase(database, (tx) => tx.query('SELECT 1')));
    await Promise.all(holders.map((holder) => holder.release()));

    expect(code).toBe('DATABASE_UNAVAILABLE');
    expect(await codeOf(inDatabase(database, (tx) => tx.query('SELECT 1')))).toBe('done');
  }, 20_000);

  it('survives idle connections that are cut, and says so', async () => {
    await inDatabase(database, (tx) => tx.query('SELECT 1'));
    lost.length = 0;

    await runSql(server.superuserUrl('spindle'), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'spec'`);
    await sleep(200);

    expect(lost.length).toBeGreaterThan(0);
    await databaseCheck(() => database)();
  });

  it('replaces connections on which the server has fallen silent', async () => {
    const ask = (n: number) => inDatabase(database, (tx) => tx.query<{ n: number }[]>(`SELECT ${n} AS n`));
    await Promise.all([ask(0), ask(0)]);
    const backends = `SELECT pid FROM pg_stat_activity WHERE application_name = 'spec'`;
    const pids = (await runSql<{ pid: number }>(server.superuserUrl('spindle'), backends)).map(({ pid }) => pid);

    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    const codes = await Promise.all([codeOf(ask(1)), codeOf(ask(2))]);
    const answers = await Promise.all([3, 4, 5, 6].map(ask));
    for (const pid of pids) process.kill(pid, 'SIGCONT');

    expect(codes).toEqual(['DATABASE_UNAVAILABLE', 'DATABASE_UNAVAILABLE']);
    expect(answers.map(([row]) => row?.n)).toEqual([3, 4, 5, 6]);
  }, 30_000);

  it('gives every row once, page by page, highest key first', async () => {
    const seen: number[] = [];
    let cursor: string | undefined;
    do {
      const page: Page<Account> = await inDatabase(database, (tx) =>
        listPage(tx, Account, { limit: 5, cursor, key: 'seq', filters: {}, where: {} }),
      );
      seen.push(...page.items.map(({ seq }) => seq));
      expect(page.total).toBe(12);
      cursor = page.next_cursor ?? undefined;
    } while (cursor);

    expect(seen).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
  });
});

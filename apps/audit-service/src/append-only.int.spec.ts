import { generateKeyPairSync } from 'node:crypto';
import { migrate, undoLastMigration } from '#database';
import type { DatabaseUrls } from '#embedded';
import { intent, silent, unasked } from '../../../test/harness/audit-trail';
import { runSql, startDatabaseServer, type DatabaseServer } from '../../../test/harness/database-server';
import { AnonymousRefusals } from '#runtime';
import { Settings } from './config';
import { MIGRATIONS, SCHEMA, connectTrail } from './data-source';
import { Parts } from './parts';
import { recordEntries } from './record-entries';

const signer = { origin: 'spec', privateKey: generateKeyPairSync('ed25519').privateKey };

describe('the table of the audit trail', () => {
  let postgres: DatabaseServer;
  let database: DatabaseUrls;
  let superuser: string;

  const provision = async (name: string) => {
    database = await postgres.provision(name);
    superuser = postgres.superuserUrl(name);
  };

  beforeAll(async () => {
    postgres = await startDatabaseServer({ durable: false });
  }, 60_000);

  afterAll(() => postgres.stop());

  const settings = (owner?: string) =>
    Settings.parse({
      DATABASE_URL: database.audit_app,
      MIGRATION_DATABASE_URL: owner,
      AUTH_PUBLIC_KEY_FILE: '-',
      AUDIT_SIGNING_KEY_FILE: '-',
    });

  describe('with an entry', () => {
    beforeAll(async () => {
      await provision('append_only');
      const connection = await connectTrail(settings(database.audit_owner), silent);
      await recordEntries(new Parts(connection, unasked, signer, new AnonymousRefusals(1), silent), intent());
      await connection.destroy();
    });

    const changes = [
      `UPDATE audit.entries SET actor = 'eve'`,
      'DELETE FROM audit.entries',
      'TRUNCATE audit.entries',
      'TRUNCATE audit.entries CASCADE',
      `INSERT INTO audit.entries SELECT * FROM audit.entries ON CONFLICT (id) DO UPDATE SET actor = 'eve'`,
      `MERGE INTO audit.entries old USING audit.entries new ON old.id = new.id WHEN MATCHED THEN DELETE`,
    ];

    it.each(changes)('refuses its application %s', async (sql) => {
      await expect(runSql(database.audit_app, sql)).rejects.toThrow('permission denied');
    });

    it.each(changes)('refuses its owner %s', async (sql) => {
      await expect(runSql(database.audit_owner, sql)).rejects.toThrow('append-only');
    });

    it('refuses a superuser who calls the session a replica', async () => {
      await expect(runSql(superuser, 'SET session_replication_role = replica; DELETE FROM audit.entries')).rejects.toThrow('append-only');
    });

    it.each([
      'ALTER TABLE audit.entries DISABLE TRIGGER ALL',
      'ALTER TABLE audit.entries OWNER TO audit_app',
      'DROP TABLE audit.entries',
      'DROP TRIGGER refuse_change ON audit.entries',
      'CREATE OR REPLACE FUNCTION audit.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$',
      'CREATE TABLE audit.more (id int)',
      'DELETE FROM audit.migrations',
      `INSERT INTO audit.migrations (timestamp, name) VALUES (1, 'x')`,
      `COPY audit.entries TO PROGRAM 'cat'`,
      'SET session_replication_role = replica',
      'SET ROLE audit_owner',
    ])('does not let its application %s', async (sql) => {
      await expect(runSql(database.audit_app, sql)).rejects.toMatchObject({ code: '42501' });
    });

    it('gives out places itself, whatever the application asks for', async () => {
      const row = `gen_random_uuid(), now(), now(), 'a', 'a', 'a', 'a', 'allowed', 'r'`;
      const columns = 'seq, id, time, recorded_at, actor, source, action, resource_type, outcome, request_id';

      await runSql(database.audit_app, `INSERT INTO audit.entries (${columns}) VALUES (99, ${row}), (7, ${row})`);
      await runSql(database.audit_app, `BEGIN; INSERT INTO audit.entries (${columns}) VALUES (1, ${row}); ROLLBACK`);
      await runSql(database.audit_app, `INSERT INTO audit.entries (${columns}) VALUES (1, ${row})`);

      expect(await runSql(database.audit_app, 'SELECT seq::int FROM audit.entries ORDER BY seq')).toEqual(
        [1, 2, 3, 4].map((seq) => ({ seq })),
      );
    });
  });

  describe('and its migrations', () => {
    const tables = () =>
      runSql(superuser, `SELECT relname FROM pg_class WHERE relnamespace = 'audit'::regnamespace AND relkind = 'r' ORDER BY 1`);
    const functions = () => runSql(superuser, `SELECT proname FROM pg_proc WHERE pronamespace = 'audit'::regnamespace ORDER BY 1`);

    beforeEach(async () => {
      await provision(`migrations_${process.hrtime.bigint()}`);
    });

    it('go up, down and up again', async () => {
      await migrate(database.audit_owner, MIGRATIONS, SCHEMA, silent);
      const up = [await tables(), await functions()];
      for (let i = 0; i < MIGRATIONS.length; i++) await undoLastMigration(database.audit_owner, MIGRATIONS, SCHEMA, silent);
      const down = [await tables(), await functions()];
      const ran = await migrate(database.audit_owner, MIGRATIONS, SCHEMA, silent);

      expect(down).toEqual([[{ relname: 'migrations' }], []]);
      expect([await tables(), await functions()]).toEqual(up);
      expect(ran).toEqual(MIGRATIONS.map(({ name }) => name));
    });

    it('run once when several instances start together', async () => {
      const ran = await Promise.all([1, 2, 3, 4].map(() => migrate(database.audit_owner, MIGRATIONS, SCHEMA, silent)));

      expect(ran.flat()).toEqual(MIGRATIONS.map(({ name }) => name));
    });

    it('are asked for by name when the service may not run them', async () => {
      await expect(connectTrail(settings(), silent)).rejects.toThrow(
        'these migrations are pending: Initial1764000000000, MerkleLog1764000001000',
      );
    });
  });
});

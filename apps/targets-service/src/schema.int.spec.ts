import type { Client } from 'pg';
import { nodeSubject } from '#contracts';
import { migrate, undoLastMigration } from '#database';
import { newId } from '#runtime';
import { TargetsServiceForTests, eventually, log } from '../../../test/harness/targets-service-for-tests';
import { MIGRATIONS, SCHEMA } from './data-source';

const service = new TargetsServiceForTests();

jest.setTimeout(20_000);
beforeAll(() => service.start(), 60_000);
afterAll(() => service.stop());

describe('the schema', () => {
  it('has the columns that the entities name, no more and no fewer', async () => {
    const source = await service.dataSource(service.urls.targets_app);

    for (const { tableName, columns } of source.entityMetadatas) {
      const { rows } = await service.sql.query<{ column_name: string }>(
        `SELECT column_name FROM information_schema.columns WHERE table_schema = 'targets' AND table_name = $1`,
        [tableName],
      );
      expect(rows.map(({ column_name }) => column_name).sort()).toEqual(columns.map(({ databaseName }) => databaseName).sort());
    }
    await source.destroy();
  });

  it('goes down migration by migration, and up again', async () => {
    const other = service.inDatabase('other');
    const parts = async () => {
      const client = await service.client('other');
      const { rows } = await client.query<{ part: string }>(
        `SELECT table_name || '.' || column_name AS part FROM information_schema.columns
           WHERE table_schema = 'targets' AND table_name <> 'migrations'
         UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'targets' AND tablename <> 'migrations'
         UNION ALL SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = 'targets'
         ORDER BY part`,
      );
      await client.end();
      return rows.map(({ part }) => part);
    };

    await migrate(other.targets_owner, MIGRATIONS, SCHEMA, log);
    const schemas = [await parts()];
    while (schemas.length <= MIGRATIONS.length) {
      await undoLastMigration(other.targets_owner, MIGRATIONS, SCHEMA, log);
      schemas.push(await parts());
    }
    await migrate(other.targets_owner, MIGRATIONS, SCHEMA, log);

    expect(schemas.at(-1)).toEqual([]);
    expect(new Set(schemas.map(String)).size).toBe(schemas.length);
    expect(await parts()).toEqual(schemas[0]);
  });

  it('keeps what waits to be published when it goes up and down, also of who is at work meanwhile', async () => {
    const other = service.inDatabase('other');
    const [client, atWork] = [await service.client('other'), await service.client('other')];
    const insert = (by: Client, subject: string, published = false) =>
      by.query(`INSERT INTO targets.outbox (message_id, subject, request_id, body${published ? ', published_at' : ''})
        VALUES (gen_random_uuid(), '${subject}', 'r', '{}'${published ? ', now()' : ''})`);
    const subjects = async (from: string) =>
      (await client.query<{ subject: string }>(`SELECT subject FROM ${from} ORDER BY position`)).rows;
    await undoLastMigration(other.targets_owner, MIGRATIONS, SCHEMA, log);
    await insert(client, 'published', true);
    await insert(client, 'waits');
    await atWork.query('BEGIN');
    await insert(atWork, 'being written');

    const migrated = migrate(other.targets_owner, MIGRATIONS, SCHEMA, log);
    await eventually(
      async () => (await client.query('SELECT 1 FROM pg_locks WHERE NOT granted')).rowCount,
      (waiting) => waiting === 1,
    );
    await atWork.query('COMMIT');
    await migrated;
    await insert(client, 'new');
    const above = await subjects('targets.outbox_waiting JOIN targets.outbox USING (position)');
    await undoLastMigration(other.targets_owner, MIGRATIONS, SCHEMA, log);
    const below = await subjects('targets.outbox WHERE published_at IS NULL');
    await migrate(other.targets_owner, MIGRATIONS, SCHEMA, log);
    await Promise.all([client.end(), atWork.end()]);

    expect(above.map(({ subject }) => subject)).toEqual(['waits', 'being written', 'new']);
    expect(below).toEqual(above);
  });

  it('refuses a second live target of a machine, whatever the code does', async () => {
    await service.bus.request(nodeSubject('node-db', 'report'), JSON.stringify(service.report('node-db')));
    const { id: machineId } = await service.machine();
    const [first, second] = [await service.image('node-db'), await service.image('node-db')];
    await service.ask('targets.create', { machine_id: machineId, image_id: first });

    const copy = service.sql.query(
      `INSERT INTO targets.targets SELECT (jsonb_populate_record(t, jsonb_build_object('id', $2::text, 'iqn', $2::text, 'image_id', $3::text))).*
       FROM targets.targets t WHERE machine_id = $1`,
      [machineId, newId(), second],
    );

    await expect(copy).rejects.toMatchObject({ constraint: 'targets_live_machine' });
  });
});

import { nodeSubject } from '#contracts';
import { migrate, undoLastMigration } from '#database';
import { newId } from '#runtime';
import { TargetsServiceForTests, log } from '../../../test/harness/targets-service-for-tests';
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
      const { rows } = await client.query(
        `SELECT 1 FROM information_schema.columns WHERE table_schema = 'targets' AND table_name <> 'migrations'
         UNION ALL SELECT 1 FROM pg_indexes WHERE schemaname = 'targets' AND tablename <> 'migrations'`,
      );
      await client.end();
      return rows.length;
    };

    await migrate(other.targets_owner, MIGRATIONS, SCHEMA, log);
    const counts = [await parts()];
    while (counts.length <= MIGRATIONS.length) {
      await undoLastMigration(other.targets_owner, MIGRATIONS, SCHEMA, log);
      counts.push(await parts());
    }
    await migrate(other.targets_owner, MIGRATIONS, SCHEMA, log);

    expect(counts.at(-1)).toBe(0);
    expect(counts).toEqual([...new Set(counts)].sort((a, b) => b - a));
    expect(await parts()).toBe(counts[0]);
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

import { TargetsServiceForTests, type Reply } from '../../../../test/harness/targets-service-for-tests';
import { newId } from '#runtime';

const service = new TargetsServiceForTests();
jest.setTimeout(30_000);

let node: string;

beforeAll(async () => {
  await service.start();
  node = `n-${newId()}`;
  await service.bus.request(`storage-node.${node}.report`, JSON.stringify(service.report(node)));
}, 60_000);
afterAll(() => service.stop());

const create = (machine_id: string, image_id: string, more: object = {}): Promise<Reply> =>
  service.ask('targets.create', { machine_id, image_id, ...more });

const outcomes = (replies: Reply[]): string[] => replies.map(({ code, status }) => code ?? status).sort();

const machines = (count: number): Promise<Reply[]> => Promise.all(Array.from({ length: count }, () => service.machine()));

it('two creates for one machine: one target, and the other is told so', async () => {
  const [machine] = await machines(1);
  const image = await service.image(node);

  const replies = await Promise.all([1, 2, 3].map(() => create(machine!.id, image, { read_only: true })));

  expect(outcomes(replies)).toEqual(['MACHINE_HAS_TARGET', 'MACHINE_HAS_TARGET', 'PENDING']);
});

it('several creates for one writable image: one target, whatever the others ask for', async () => {
  const some = await machines(4);
  const image = await service.image(node);

  const replies = await Promise.all(some.map(({ id }, at) => create(id, image, at === 3 ? { read_only: true } : {})));

  expect(outcomes(replies).filter((outcome) => outcome === 'PENDING').length).toBe(1);
  expect(outcomes(replies).filter((outcome) => outcome === 'IMAGE_IN_USE').length).toBe(3);
});

it('one that is refused takes nothing from those beside it', async () => {
  const some = await machines(3);
  const image = await service.image(node);

  const replies = await Promise.all([
    ...some.map(({ id }) => create(id, image, { read_only: true })),
    create(newId(), image),
    create(some[0]!.id, newId()),
    create(some[0]!.id, image, { read_only: true, session_id: newId() }),
  ]);

  expect(outcomes(replies).filter((outcome) => outcome === 'PENDING').length).toBe(3);
  const { rows } = await service.sql.query<{ events: number; intents: number }>(
    `SELECT count(*) FILTER (WHERE subject = 'target.requested')::int AS events,
            count(*) FILTER (WHERE subject = 'audit-intent.targets.create' AND body ->> 'outcome' = 'allowed')::int AS intents
     FROM targets.outbox WHERE body #>> '{data,image_id}' = $1 OR body #>> '{after,image_id}' = $1`,
    [image],
  );
  expect(rows).toEqual([{ events: 3, intents: 3 }]);
});

it('goes on while a newer version adds columns to the tables', async () => {
  const image = await service.image(node);
  const createAndDelete = async (): Promise<string[]> => {
    const [machine] = await machines(1);
    const made = await create(machine!.id, image, { read_only: true });
    return outcomes([made, await service.ask('targets.delete', { id: made.id })]);
  };
  const before = await createAndDelete();
  for (const table of ['targets', 'machines', 'images', 'storage_nodes', 'users'])
    await service.sql.query(`ALTER TABLE targets.${table} ADD COLUMN of_a_newer_version text`);

  const after = await createAndDelete();

  expect(after).toEqual(before);
});

it('deletes of one target: it is deleted once, and everybody gets it', async () => {
  const [machine] = await machines(1);
  const { id } = await create(machine!.id, await service.image(node), { read_only: true });

  const replies = await Promise.all([1, 2, 3].map(() => service.ask('targets.delete', { id })));

  expect(new Set(replies.map((reply) => reply.id))).toEqual(new Set([id]));
  const { rows } = await service.sql.query('SELECT version, generation FROM targets.targets WHERE id = $1', [id]);
  expect(rows).toEqual([{ version: 2, generation: 2 }]);
});

import { nodeSubject, type ApplyReply, type TargetWish } from '#contracts';
import { newId } from '#runtime';
import { answerKey, claimKey, dropKey, linkKey, type HeldKey } from './idempotency.store';
import { TargetsServiceForTests, eventually, newMachine } from '../../../../test/harness/targets-service-for-tests';

const service = new TargetsServiceForTests();

jest.setTimeout(20_000);
beforeAll(() => service.start(), 60_000);
afterAll(() => service.stop());

const count = async (table: string) =>
  Number((await service.sql.query<{ count: string }>(`SELECT count(*) FROM targets.${table}`)).rows[0]!.count);

it('50 sendings of one command at once have one effect, and all that are answered get the same answer', async () => {
  const body = newMachine();
  const before = await count('machines');

  const answers = await Promise.all([...Array(50)].map(() => service.ask('machines.create', body, { key: 'fifty' })));
  const later = await service.ask('machines.create', body, { key: 'fifty' });

  expect(await count('machines')).toBe(before + 1);
  for (const answer of answers) expect(answer.code === 'IDEMPOTENCY_KEY_RUNNING' || answer.id === later.id).toBe(true);
  expect(answers.some(({ id }) => id === later.id)).toBe(true);
});

it('a key with another command, another body, or of another kind is refused', async () => {
  const body = newMachine();
  await service.ask('machines.create', body, { key: 'reused' });

  expect((await service.ask('machines.create', newMachine(), { key: 'reused' })).code).toBe('IDEMPOTENCY_KEY_REUSED');
  expect((await service.ask('images.create', { name: 'x', file: 'x' }, { key: 'reused' })).code).toBe('IDEMPOTENCY_KEY_REUSED');
  expect((await service.ask('machines.create', newMachine(), { key: 'two words' })).code).toBe('INVALID_IDEMPOTENCY_KEY');
});

it('an answer is replayed as it was, also when the thing has changed since', async () => {
  const created = await service.ask('machines.create', newMachine(), { key: 'replayed' });
  const deletion = await service.ask('machines.delete', { id: created.id }, { key: 'deletion' });

  expect(await service.ask('machines.delete', { id: created.id }, { key: 'deletion' })).toEqual(deletion);
  expect((await service.ask('machines.delete', { id: created.id })).code).toBe('MACHINE_NOT_FOUND');
});

it('a refused command leaves its key free for another try', async () => {
  const body = newMachine();
  await service.ask('machines.create', body);

  const refused = await service.ask('machines.create', body, { key: 'free' });
  const { id } = await service.ask('machines.create', newMachine(), { key: 'free' });

  expect(refused.code).toBe('MACHINE_NAME_TAKEN');
  expect(id).toBeDefined();
});

it('a retry of a create whose holder has died goes on with the same target', async () => {
  const nodeId = 'node-keys';
  await service.sql.query(`INSERT INTO targets.storage_nodes VALUES ($1, $1, 'offline', 1, '192.0.2.1', 3260, now(), '{"sessions":[]}')`, [
    nodeId,
  ]);
  const imageId = newId();
  await service.sql.query(`INSERT INTO targets.images VALUES ($1, $3, $3, 4096, false, $2, now(), now())`, [imageId, nodeId, imageId]);
  const body = { machine_id: (await service.ask('machines.create', newMachine())).id, image_id: imageId };
  const first = await service.ask('targets.create', body, { key: 'died' });
  await service.sql.query(`UPDATE targets.idempotency_keys SET held_until = now() + interval '1 hour' WHERE key = 'died'`);

  const running = await service.ask('targets.create', body, { key: 'died' });
  await service.sql.query(`UPDATE targets.idempotency_keys SET held_until = now() WHERE key = 'died'`);
  const again = await service.ask('targets.create', body, { key: 'died' });

  expect(running.code).toBe('IDEMPOTENCY_KEY_RUNNING');
  expect(again.id).toBe(first.id);
  expect(await count('targets')).toBe(1);
});

it('a holder that was stopped for longer than its hold changes nothing when it goes on', async () => {
  const key = { actor: 'operator', key: 'stalled', fingerprint: 'f' };
  const database = await service.dataSource(service.urls.targets_app);
  const claim = () => database.transaction((tx) => claimKey(tx, key, 0, 1));
  const [stalled, successor] = [await claim(), await claim()] as [{ key: HeldKey }, { key: HeldKey }];

  const late = database.transaction((tx) => answerKey(tx, stalled.key, { id: 'late' }));
  await expect(late).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_RUNNING' });
  const link = database.transaction((tx) => linkKey(tx, stalled.key, newId()));
  await expect(link).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_RUNNING' });
  await database.transaction((tx) => dropKey(tx, stalled.key));
  await database.transaction((tx) => answerKey(tx, successor.key, { id: 'ours' }));

  expect(await claim()).toEqual({ state: 'answered', answer: { id: 'ours' } });
  await database.destroy();
});

it('the answer of a finished create is replayed as it was, also when the target is gone since', async () => {
  // what an executor would say
  await service.bus.request(nodeSubject('node-done', 'report'), JSON.stringify(service.report('node-done')));
  service.bus.subscribe(nodeSubject('node-done', 'apply'), {
    callback: (_error, message) => {
      const { target_id, generation } = message.json<TargetWish>();
      message.respond(JSON.stringify({ target_id, generation, outcome: 'done', disconnected: 0, error: null } satisfies ApplyReply));
    },
  });
  await service.bus.flush();
  const body = { machine_id: (await service.machine()).id, image_id: await service.image('node-done') };
  const create = () => service.ask('targets.create', body, { key: 'finished' });
  const created = await eventually(create, ({ status }) => status === 'ACTIVE');

  await service.ask('targets.delete', { id: created.id });
  await eventually(
    () => service.ask('targets.get', { id: created.id }),
    ({ status }) => status === 'INACTIVE',
  );

  expect(await create()).toEqual(created);
});

it('keys end with their time', async () => {
  const body = newMachine();
  await service.ask('machines.create', body, { key: 'ends' });
  await service.sql.query(`UPDATE targets.idempotency_keys SET expires_at = now() WHERE key = 'ends'`);

  expect((await service.ask('machines.create', body, { key: 'ends' })).code).toBe('MACHINE_NAME_TAKEN');
});

import { join } from 'node:path';
import type { AuditEntry, NodeResponse, Page, TargetResponse } from '#contracts';
import { inquire } from '#embedded';
import { eventually, processesIn, startSpindleForTests, type SpindleForTests } from '../harness/spindle-for-tests';

let spindle: SpindleForTests;

beforeAll(async () => {
  spindle = await startSpindleForTests('outages', { NODE_SILENCE_MS: '4000' });
}, 120_000);

afterAll(() => spindle?.end(), 30_000);

const create = async () => {
  const body = { machine_id: (await spindle.machine()).id, image_id: (await spindle.image()).id };
  return spindle.http<TargetResponse>('POST', 'targets', body);
};

const becomesActive = (id: string) =>
  eventually(
    () => spindle.http<TargetResponse>('GET', `targets/${id}`),
    ({ body }) => body.status === 'ACTIVE',
    40_000,
  );

const nodeStatus = async () => (await spindle.http<Page<NodeResponse>>('GET', 'nodes')).body.items[0]?.status;

const reads = (target: TargetResponse) => inquire({ portal: spindle.lab.portal, iqn: target.iqn, initiator: target.initiator_iqn });

it('with the executor down a create answers PENDING in time, and becomes ACTIVE when it is back', async () => {
  const image = await spindle.image();
  const machine = await spindle.machine();
  const made = await create();
  await spindle.lab.killExecutor();
  const since = Date.now();

  const pending = await spindle.http<TargetResponse>('POST', 'targets', { machine_id: machine.id, image_id: image.id });

  expect(pending.status).toBe(202);
  expect(pending.body).toMatchObject({ status: 'PENDING', operation: 'create' });
  expect(Date.now() - since).toBeLessThan(4_900);
  await eventually(nodeStatus, (status) => status === 'offline');
  expect((await spindle.http('GET', `targets/${made.body.id}/status`)).code).toBe('NODE_OFFLINE');
  expect((await spindle.http('POST', 'images', { name: 'x', file: 'x.img' })).code).toBe('NO_NODE');
  await spindle.lab.startExecutor();
  const active = await becomesActive(pending.body.id);
  expect(await reads(active.body)).toMatchObject({ vendor: 'LIO-ORG' });
}, 90_000);

it('a delete that is asked for while the executor is down is done when it is back', async () => {
  const made = await create();
  await becomesActive(made.body.id);
  await spindle.lab.killExecutor();

  const pending = await spindle.http<TargetResponse>('DELETE', `targets/${made.body.id}`);

  expect(pending.status).toBe(202);
  await spindle.lab.startExecutor();
  await eventually(
    () => spindle.http<TargetResponse>('GET', `targets/${made.body.id}`),
    ({ body }) => body.status === 'INACTIVE',
    40_000,
  );
  await expect(reads(made.body)).rejects.toThrow();
}, 90_000);

it('with NATS away the gateway says 503 and what is down, and all reconnect by themselves', async () => {
  const body = { machine_id: (await spindle.machine()).id, image_id: (await spindle.image()).id };
  await spindle.nats.kill();

  const away = await spindle.http('POST', 'targets', body);
  const ready = await spindle.http<{ dependencies: Record<string, string> }>('GET', '/readyz');

  expect([away.status, away.code, away.headers['retry-after']]).toEqual([503, 'SERVICE_UNAVAILABLE', '2']);
  expect(ready).toMatchObject({ status: 503, body: { dependencies: { nats: 'down' } } });
  await spindle.restartNats();
  await eventually(
    () => spindle.http('GET', '/readyz'),
    ({ status }) => status === 200,
  );
  const made = await eventually(create, ({ status }) => status === 201 || status === 202);
  await becomesActive(made.body.id);
}, 90_000);

it('with Postgres away every answer is 503 DATABASE_UNAVAILABLE, and all goes on when it is back', async () => {
  const machine = await spindle.machine();
  const image = await spindle.image();
  const { port } = spindle.postgres;
  await spindle.postgres.kill();

  const http = await spindle.http('POST', 'targets', { machine_id: machine.id, image_id: image.id });
  const nats = await spindle.ask('targets.list', {});

  expect([http.status, http.code, http.headers['retry-after']]).toEqual([503, 'DATABASE_UNAVAILABLE', '2']);
  expect([nats.status, nats.code]).toEqual([503, 'DATABASE_UNAVAILABLE']);
  expect(JSON.stringify([http.body, nats.body])).not.toContain(String(port));
  const health = await fetch(`${spindle.endpoints.health_urls['targets-service']}/readyz`);
  expect([health.status, await health.json()]).toEqual([503, { ready: false, dependencies: { database: 'down', nats: 'up' } }]);
  await spindle.restartPostgres();
  const made = await eventually(create, ({ status }) => status === 201 || status === 202);
  await becomesActive(made.body.id);
}, 90_000);

it.each(['postgres', 'nats'])(
  'a %s that hangs is a 503 in time, seen by the health checks, and forgotten when it goes on',
  async (server) => {
    const body = { machine_id: (await spindle.machine()).id, image_id: (await spindle.image()).id };
    const hanging = processesIn(join(spindle.endpoints.image_root, '..', server));
    const since = Date.now();

    for (const pid of hanging) process.kill(pid, 'SIGSTOP');
    const answer = await spindle.http('POST', 'targets', body);
    const took = Date.now() - since;
    const health = await fetch(`${spindle.endpoints.health_urls['targets-service']}/readyz`);
    for (const pid of hanging) process.kill(pid, 'SIGCONT');

    expect(hanging.length).toBeGreaterThan(0);
    expect(answer.status).toBe(503);
    expect(took).toBeLessThan(9_000);
    expect(await health.json()).toMatchObject({ ready: false, dependencies: { [server === 'nats' ? 'nats' : 'database']: 'down' } });
    const made = await eventually(create, ({ status }) => status === 201 || status === 202, 40_000);
    await becomesActive(made.body.id);
  },
  120_000,
);

it('a targets-service that is killed in the middle of a create finishes it after its start', async () => {
  const machine = await spindle.machine();
  const image = await spindle.image();
  const answer = spindle.http<TargetResponse>('POST', 'targets', { machine_id: machine.id, image_id: image.id }).catch(() => undefined);
  await eventually(
    () => spindle.sql<{ id: string }>('SELECT id FROM targets.targets WHERE machine_id = $1', [machine.id]),
    (rows) => rows.length === 1,
  );

  await spindle.services['targets-service'].kill();
  await spindle.services['targets-service'].start();

  await answer;
  const target = await eventually(
    () => spindle.http<TargetResponse>('GET', `targets/machine/${machine.id}`),
    ({ body }) => body.status === 'ACTIVE',
    40_000,
  );
  expect(await reads(target.body)).toMatchObject({ vendor: 'LIO-ORG' });
}, 90_000);

it('after a power cut of the node every target is there again', async () => {
  const made = await create();
  await becomesActive(made.body.id);

  await spindle.rebootLab();

  await eventually(
    () => reads(made.body),
    ({ vendor }) => vendor === 'LIO-ORG',
    60_000,
  );
}, 120_000);

it('all of it left events without gaps and one audit record for each, in order', async () => {
  const versions = await spindle.sql<{ subject: string; sequences: number[] }>(
    `SELECT body->>'subject' AS subject, array_agg((body->>'sequence')::int ORDER BY position) AS sequences
     FROM targets.outbox WHERE subject LIKE 'target.%' OR subject LIKE 'initiator.%' GROUP BY 1`,
  );
  const written = await eventually(
    () =>
      spindle.sql<{ intents: number; entries: number; last: number }>(
        `SELECT (SELECT count(*) FROM targets.outbox WHERE subject LIKE 'audit-intent.%')::int AS intents,
              (SELECT count(*) FROM audit.entries e JOIN targets.outbox o ON o.message_id = e.id)::int AS entries,
              (SELECT max(seq) - count(*) FROM audit.entries)::int AS last`,
      ),
    ([counts]) => counts!.intents === counts!.entries,
    40_000,
  );
  const trail = await spindle.http<Page<AuditEntry>>('GET', 'audit?limit=200&action=target.created');

  for (const { sequences } of versions) expect(sequences).toEqual(sequences.map((_, i) => i + 1));
  expect(written[0]!.last).toBe(0);
  expect(trail.body.items.length).toBeGreaterThanOrEqual(6);
}, 60_000);

import type { TargetListResponse, TargetResponse } from '#contracts';
import { inquire } from '#embedded';
import { eventually, startSpindleForTests, type SpindleForTests } from '../harness/spindle-for-tests';

let spindle: SpindleForTests;

beforeAll(async () => {
  spindle = await startSpindleForTests('many');
}, 120_000);

afterAll(() => spindle?.end(), 30_000);

it('50 creates at once for 50 machines all become ACTIVE, 25 on disks of their own and 25 on one read-only disk', async () => {
  const shared = await spindle.image({ read_only: true });
  const machines = await Promise.all([...Array(50)].map(() => spindle.machine()));
  const own: { id: string }[] = [];
  for (let i = 0; i < 25; i++) own.push(await spindle.image());
  const events = spindle.bus.subscribe('target.created', { max: 50 });

  const answers = await Promise.all(
    machines.map(({ id }, i) => spindle.http<TargetResponse>('POST', 'targets', { machine_id: id, image_id: (own[i] ?? shared).id })),
  );

  const created = new Set<string>();
  for await (const event of events) created.add(event.json<{ subject: string }>().subject);
  const all = await eventually(
    () => spindle.http<TargetListResponse>('GET', 'targets?status=ACTIVE&limit=100'),
    ({ body }) => body.items.length === 50,
    90_000,
  );
  expect(answers.filter(({ status }) => status !== 201 && status !== 202)).toEqual([]);
  expect(created).toEqual(new Set(answers.map(({ body }) => body.id)));
  expect(new Set(all.body.items.map(({ machine_id }) => machine_id)).size).toBe(50);
  expect(all.body.items.filter(({ read_only }) => read_only)).toHaveLength(25);
  const backstores = await spindle.lab.exec('ls -d /sys/kernel/config/target/core/fileio_*/spindle-* | wc -l');
  expect(Number(backstores.stdout)).toBe(26);
  for (const { iqn, initiator_iqn } of [all.body.items[0]!, all.body.items[49]!])
    expect(await inquire({ portal: spindle.lab.portal, iqn, initiator: initiator_iqn })).toMatchObject({ vendor: 'LIO-ORG' });
}, 150_000);

it('20 creates at once for one machine give one target and 19 conflicts', async () => {
  const machine = await spindle.machine();
  const images = await Promise.all([...Array(20)].map(() => spindle.image({ read_only: true })));

  const answers = await Promise.all(
    images.map(({ id }) =>
      spindle.ask<TargetResponse>('targets.create', { machine_id: machine.id, image_id: id }, { headers: { Prefer: 'wait=20' } }),
    ),
  );

  const made = answers.filter(({ status }) => status === 200);
  expect(made).toHaveLength(1);
  expect(made[0]!.body.status).toBe('ACTIVE');
  expect(answers.filter(({ code }) => code === 'MACHINE_HAS_TARGET')).toHaveLength(19);
  const iqns = await spindle.lab.exec(
    `grep -l ${machine.initiator_iqn} -r /sys/kernel/config/target/iscsi/*/tpgt_1/acls/*/info 2>/dev/null | wc -l`,
  );
  expect(Number(iqns.stdout)).toBe(1);
}, 60_000);

it('2 creates at once for one writable disk give one target and one IMAGE_IN_USE', async () => {
  const image = await spindle.image();
  const machines = [await spindle.machine(), await spindle.machine()];

  const answers = await Promise.all(
    machines.map(({ id }) =>
      spindle.ask<TargetResponse>('targets.create', { machine_id: id, image_id: image.id }, { headers: { Prefer: 'wait=20' } }),
    ),
  );

  expect(answers.map(({ code }) => code ?? 'made').sort()).toEqual(['IMAGE_IN_USE', 'made']);
}, 60_000);

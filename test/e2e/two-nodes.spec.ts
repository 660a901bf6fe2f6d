import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeResponse, Page, TargetResponse } from '#contracts';
import { inquire, projectRoot, startStorageLab, type StorageLab } from '#embedded';
import { eventually, startSpindleForTests, type SpindleForTests } from '../harness/spindle-for-tests';

let spindle: SpindleForTests;
let second: StorageLab;
let images2: string;

const prefer = { headers: { prefer: 'wait=20' } };

const putFile = (folder: string, lab: StorageLab, file: string) => {
  const handle = openSync(join(folder, file), 'wx', 0o600);
  ftruncateSync(handle, 4 * 1024 * 1024);
  closeSync(handle);
  lab.ownImages();
};

const nodes = async () => (await spindle.http<Page<NodeResponse>>('GET', 'nodes')).body.items;
const create = async (image_id: string) =>
  (await spindle.http<TargetResponse>('POST', 'targets', { machine_id: (await spindle.machine()).id, image_id }, prefer)).body;

beforeAll(async () => {
  spindle = await startSpindleForTests('two-nodes', { NODE_SILENCE_MS: '4000' }, ['lab-2']);
  const { endpoints } = spindle;
  const dataDir = join(endpoints.image_root, '..');
  images2 = join(dataDir, 'images-2');
  second = await startStorageLab({
    dir: join(dataDir, 'lab-2'),
    imageRootHostDir: images2,
    projectRoot: projectRoot(),
    natsPort: spindle.nats.port,
    natsSeedFile: spindle.credentials.bus.seedFile('node-lab-2'),
    executorEnv: { NODE_ID: 'lab-2', LIO_ENGINE: 'configfs' }, // the engine is each node's own affair
    log: () => undefined,
  });
  await second.startExecutor();
  await eventually(nodes, (found) => found.filter(({ status }) => status === 'online').length === 2, 30_000);
}, 180_000);

afterAll(async () => {
  await second?.stop();
  await spindle?.end();
}, 60_000);

it('read-only targets go where the image is and the fewest targets are, and machines reach both nodes', async () => {
  putFile(spindle.endpoints.image_root, spindle.lab, 'shared.img');
  putFile(images2, second, 'shared.img');
  const { body: image } = await spindle.http<{ id: string }>('POST', 'images', { name: 'shared', file: 'shared.img', read_only: true });

  const made: TargetResponse[] = [];
  for (let i = 0; i < 4; i++) made.push(await create(image.id));

  expect(made.map(({ status }) => status)).toEqual(Array(4).fill('ACTIVE'));
  expect(made.map(({ node_id }) => node_id).sort()).toEqual(['lab-1', 'lab-1', 'lab-2', 'lab-2']);
  for (const { iqn, initiator_iqn, portal } of made)
    expect(await inquire({ portal: { host: portal.address, port: portal.port }, iqn, initiator: initiator_iqn })).toMatchObject({
      vendor: 'LIO-ORG',
    });
  await spindle.http('PATCH', 'nodes/lab-1', { cordoned: true });
  expect((await create(image.id)).node_id).toBe('lab-2');
  await spindle.http('PATCH', 'nodes/lab-1', { cordoned: false });
}, 90_000);

it('a node that hangs never delays the commands of another', async () => {
  const own = await spindle.image();
  putFile(images2, second, 'only-2.img');
  const { body: there } = await spindle.http<{ id: string }>('POST', 'images', { name: 'only-2', file: 'only-2.img', read_only: true });
  await second.killExecutor('SIGSTOP');

  const stuck = Promise.all(
    [...Array(80)].map(async () =>
      spindle.http<TargetResponse>('POST', 'targets', { machine_id: (await spindle.machine()).id, image_id: there.id }),
    ),
  );
  const since = Date.now();
  const quick = await create(own.id);
  const took = Date.now() - since;

  expect(quick).toMatchObject({ status: 'ACTIVE', node_id: 'lab-1' });
  expect(took).toBeLessThan(8_000);
  expect((await stuck).every(({ status }) => status === 202)).toBe(true);
  await eventually(nodes, (found) => found.some(({ id, status }) => id === 'lab-2' && status === 'offline'));
  await second.killExecutor('SIGCONT');
  await eventually(
    () =>
      spindle.sql<{ active: number }>(`SELECT count(*)::int AS active FROM targets.targets WHERE image_id = $1 AND status = 'ACTIVE'`, [
        there.id,
      ]),
    ([row]) => row!.active === 80,
    120_000,
  );
}, 240_000);

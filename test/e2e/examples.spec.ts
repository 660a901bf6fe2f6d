import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inquire, projectRoot } from '#embedded';
import { startSession } from '../../examples/orchestrator';
import { startSpindleForTests, type SpindleForTests } from '../harness/spindle-for-tests';

let spindle: SpindleForTests;

beforeAll(async () => {
  spindle = await startSpindleForTests('examples');
}, 120_000);

afterAll(() => spindle?.end(), 30_000);

it('the orchestrator in TypeScript makes a target that its machine can read', async () => {
  const { endpoints, lab } = spindle;
  const machine = await spindle.machine();
  const image = await spindle.image();
  const login = { user: endpoints.nats_user, pass: endpoints.nats_password };

  const target = await startSession(endpoints.nats_url, login, spindle.admin, machine.id, image.id);

  expect(target.status).toBe('ACTIVE');
  expect(await inquire({ portal: lab.portal, iqn: target.iqn, initiator: machine.initiator_iqn })).toMatchObject({ vendor: 'LIO-ORG' });
  await expect(startSession(endpoints.nats_url, login, spindle.admin, machine.id, image.id)).rejects.toThrow('MACHINE_HAS_TARGET');
}, 60_000);

it('the orchestrator in Python makes one too', async () => {
  const machine = await spindle.machine();
  const image = await spindle.image();
  const args = [join(projectRoot(), 'examples/orchestrator.py'), spindle.endpoints.http_url, spindle.admin, machine.id, image.id];

  const { stdout } = await promisify(execFile)('python3', args);

  expect(stdout).toMatch(/^ACTIVE iqn\.2025-01\.io\.spindle:/);
}, 60_000);

it('npm run nats asks and listens', async () => {
  const folder = join(spindle.endpoints.image_root, '..');
  const nats = (...args: string[]) =>
    promisify(execFile)(process.execPath, [join(projectRoot(), 'scripts/nats.mjs'), '--data-dir', folder, ...args], { timeout: 30_000 });

  const heard = nats('--count', '1', 'listen', 'target.*');
  await new Promise((done) => setTimeout(done, 1_500));
  const [machine, image] = [await spindle.machine(), await spindle.image()];
  const created = await nats('request', 'targets.create', JSON.stringify({ machine_id: machine.id, image_id: image.id }));

  expect(JSON.parse(created.stdout)).toMatchObject({ machine_id: machine.id });
  expect((await heard).stdout).toMatch(/^target\.requested \{/);
  await expect(nats('request', 'nobody.home', '{}')).rejects.toMatchObject({
    stderr: expect.stringContaining('this login may not say nobody.home'),
  });
}, 60_000);

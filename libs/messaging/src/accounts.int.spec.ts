import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodePingSubject, nodeSubject, nodeUser, pingSubject } from '#contracts';
import { openBusFolder, startNats, type BusFolder, type RunningNats } from '#embedded';
import { createLog } from '#runtime';
import { EVENTS_STREAM, ask, connectBus, ensureStreams, publishStored, readEvents, type Bus } from './index';

const log = createLog('test', 'silent');
let folder: string;
let keys: BusFolder;
let server: RunningNats;
let targets: Bus;
let gateway: Bus;
let node: Bus;

const login = (identity: string): Promise<Bus> =>
  connectBus('test', { NATS_URL: server.url, NATS_NKEY_SEED_FILE: keys.seedFile(identity) }, log, identity);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'spindle-accounts-'));
  keys = openBusFolder(join(folder, 'keys'), { nodes: ['n1', 'n2'], clients: ['c1'] });
  server = await startNats({ dataDir: join(folder, 'nats'), who: keys, log: () => undefined });
  [targets, gateway, node] = await Promise.all([login('targets'), login('gateway'), login(nodeUser('n1'))]);
}, 30_000);

afterAll(async () => {
  await Promise.all([targets, gateway, node].map((bus) => bus?.close()));
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const fails = async (asked: Promise<unknown>) => {
  const since = Date.now();
  const code = await asked.then(
    () => 'answered',
    (error: { code: string }) => error.code,
  );
  return { code, tookMs: Date.now() - since };
};

it('a request that nobody serves in another account fails long before its time is over', async () => {
  const service = await fails(ask(gateway, 'targets.list', {}, { context: {}, timeoutMs: 20_000, ping: pingSubject('targets.list') }));
  const options = { context: {}, timeoutMs: 20_000, silence: 'NODE_OFFLINE' as const, ping: nodePingSubject('n2') };
  const offline = await fails(ask(targets, nodeSubject('n2', 'apply'), {}, options));

  expect([service.code, offline.code]).toEqual(['SERVICE_UNAVAILABLE', 'NODE_OFFLINE']);
  expect(Math.max(service.tookMs, offline.tookMs)).toBeLessThan(5_000);
}, 30_000);

it('a slow answer is waited for when whoever gives it is there', async () => {
  const service = await node.nats.services.add({ name: 'storage-node-executor', version: '1.0.0', queue: 'executor' });
  service.addEndpoint('apply', {
    subject: nodeSubject('n1', 'apply'),
    handler: (_, message) => void setTimeout(() => message.respond('{"slow":true}'), 3_000),
  });
  await node.nats.flush();

  const answer = await ask(targets, nodeSubject('n1', 'apply'), {}, { context: {}, timeoutMs: 20_000, ping: nodePingSubject('n1') });

  expect(answer).toEqual({ slow: true });
}, 30_000);

it('the gateway reads the events that targets-service stores, and can neither make nor change their stream', async () => {
  await ensureStreams(targets.nats, [EVENTS_STREAM]);
  const { events, stop } = await readEvents(gateway);
  await publishStored(targets.nats, { subject: 'target.created', id: 'e1', body: { sequence: 1 } });

  for await (const event of events) {
    expect(event).toMatchObject({ name: 'target.created', body: { sequence: 1 } });
    stop();
  }
  await expect(ensureStreams(gateway.nats, [EVENTS_STREAM])).rejects.toThrow(/permissions violation/i);
}, 30_000);

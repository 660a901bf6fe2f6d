import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { AuditEntry, Page } from '#contracts';
import { projectRoot } from '#embedded';
import { eventually, startSpindleForTests, type SpindleForTests } from '../harness/spindle-for-tests';

let spindle: SpindleForTests;

beforeAll(async () => {
  spindle = await startSpindleForTests('streams');
}, 120_000);

afterAll(() => spindle?.end(), 30_000);

const streams = async (...args: string[]) => {
  const folder = join(spindle.endpoints.image_root, '..');
  const script = join(projectRoot(), 'scripts/streams.mjs');
  return (await promisify(execFile)(process.execPath, [script, '--data-dir', folder, ...args], { timeout: 30_000 })).stdout;
};

const entries = async () => (await spindle.http<Page<AuditEntry>>('GET', 'audit?limit=200')).body;

it('what cannot be handled is set aside, listed, and can be sent again, while the rest goes on', async () => {
  await spindle.adminBus.jetstream().publish('audit-intent.poison', 'this is no JSON');
  const { id } = await spindle.machine();

  await eventually(entries, ({ items }) => items.some(({ resource }) => resource.id === id));
  const listed = await eventually(
    () => streams('dead-letters'),
    (text) => text.includes('this is no JSON'),
  );
  const sequence = listed.split(' ')[0]!;
  await streams('replay', sequence);

  expect(listed).toContain('audit-intent.poison poison');
  const again = await eventually(
    () => streams('dead-letters'),
    (text) => text.includes('this is no JSON'),
  );
  expect(again.split(' ')[0]).not.toBe(sequence);
}, 60_000);

it('a store that is wiped, or published to again from any point, changes nothing in the audit trail but what was missing', async () => {
  const manager = await spindle.adminBus.jetstreamManager();
  await spindle.services['audit-service'].stop();
  const made = [await spindle.machine(), await spindle.machine()];
  await eventually(
    () => spindle.sql<{ waiting: number }>('SELECT count(*)::int AS waiting FROM targets.outbox_waiting'),
    ([row]) => row!.waiting === 0,
  );

  for (const name of ['SPINDLE_AUDIT', 'SPINDLE_EVENTS']) await manager.streams.delete(name);
  await spindle.services['audit-service'].start();
  await spindle.machine();

  const after = await eventually(entries, ({ items }) => made.every(({ id }) => items.some(({ resource }) => resource.id === id)), 60_000);
  expect(await streams('republish', '--since', '2020-01-01T00:00:00Z')).toMatch(/^\d+ messages/);
  await new Promise((done) => setTimeout(done, 3_000));
  const finally_ = await entries();
  expect(new Set(finally_.items.map(({ id }) => id)).size).toBe(finally_.items.length);
  expect(finally_.items.map(({ seq }) => seq)).toEqual([...finally_.items.keys()].map((i) => finally_.total - i));
  expect(finally_.total).toBeGreaterThanOrEqual(after.total);
}, 120_000);

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TargetResponse } from '#contracts';
import { projectRoot } from '#embedded';
import { eventually, startSpindleForTests, type SpindleForTests } from '../harness/spindle-for-tests';

let spindle: SpindleForTests;

beforeAll(async () => {
  spindle = await startSpindleForTests('metrics');
}, 120_000);

afterAll(() => spindle?.end(), 30_000);

const exposed = async (): Promise<Record<string, string>> => {
  const texts = Object.entries(spindle.endpoints.health_urls).map(async ([service, url]) => {
    const answer = await fetch(`${url}/metrics`);
    return [service, await answer.text()] as const;
  });
  return Object.fromEntries(await Promise.all(texts));
};

const namesIn = (text: string): string[] => [...text.matchAll(/^# TYPE (spindle_\S+)/gm)].map(([, name]) => name!);

/** The value of a series, whatever the order of its labels; NaN when there is none. */
const valueOf = (text: string, name: string, labels: Record<string, string> = {}): number => {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  const line = text.split('\n').find((one) => new RegExp(`^${name}[ {]`).test(one) && wanted.every((label) => one.includes(label)));
  return Number(line?.split(' ').at(-1) ?? NaN);
};

const documented = (): { name: string; labels: string[]; services: string[] }[] =>
  [...readFileSync(join(projectRoot(), 'docs/metrics.md'), 'utf8').matchAll(/^\| `(spindle_\w+)` \| \w+ \| ([^|]*) \| ([^|]*) \|/gm)].map(
    ([, name, labels, services]) => ({
      name: name!,
      labels: [...labels!.matchAll(/`(\w+)`/g)].map(([, label]) => label!),
      services: services === 'all' ? Object.keys(spindle.endpoints.health_urls) : services!.split(', '),
    }),
  );

it('every service exposes the metrics that docs/metrics.md says it has, and no other', async () => {
  const texts = await exposed();

  for (const [service, text] of Object.entries(texts)) {
    const written = documented().filter(({ services }) => services.includes(service));
    expect(namesIn(text).sort()).toEqual(written.map(({ name }) => name).sort());
  }
});

it('every alert asks for metrics that are exposed, by labels that they have', async () => {
  const rules = readFileSync(join(projectRoot(), 'deploy/prometheus-alerts.yml'), 'utf8');
  const known = new Map(documented().map(({ name, labels }) => [name, [...labels, 'service', 'le']]));

  const used = [...rules.matchAll(/\b(spindle_\w+?)(?:_bucket|_sum|_count)?(?:\{([^}]*)\}|\b)/g)];
  const unknown = used.filter(([, name]) => !known.has(name!)).map(([text]) => text);
  const wrongLabels = used.filter(([, name, selector]) =>
    [...(selector ?? '').matchAll(/(\w+)(?:=|!=|=~|!~)"/g)].some(([, label]) => !known.get(name!)?.includes(label!)),
  );

  expect(used.length).toBeGreaterThan(20);
  expect(unknown).toEqual([]);
  expect(wrongLabels.map(([text]) => text)).toEqual([]);
});

it('what happens is measured: a target that is made, a token that is forged, and streams that are empty again', async () => {
  const [machine, image] = [await spindle.machine(), await spindle.image()];
  const body = { machine_id: machine.id, image_id: image.id };
  const made = await spindle.http<TargetResponse>('POST', 'targets', body, { headers: { prefer: 'wait=20' } });
  await spindle.http('GET', 'targets', undefined, { token: 'forged' });

  const texts = await eventually(
    exposed,
    (all) =>
      valueOf(all['storage-node-executor']!, 'spindle_node_config_saves_total', { result: 'saved' }) > 0 &&
      valueOf(all['audit-service']!, 'spindle_consumer_pending', { durable: 'audit-service' }) === 0 &&
      valueOf(all['targets-service']!, 'spindle_outbox_waiting') === 0,
  );

  expect(made.body.status).toBe('ACTIVE');
  const [targets, audit, node] = [texts['targets-service']!, texts['audit-service']!, texts['storage-node-executor']!];
  expect(valueOf(targets, 'spindle_operations_total', { operation: 'create', result: 'done', code: 'OK' })).toBe(1);
  expect(valueOf(targets, 'spindle_operations_unsettled')).toBe(0);
  expect(valueOf(targets, 'spindle_auth_failures_total', { code: 'TOKEN_INVALID' })).toBe(1);
  expect(valueOf(targets, 'spindle_database_waiting')).toBe(0);
  expect(valueOf(audit, 'spindle_consumer_ack_pending', { durable: 'audit-service' })).toBe(0);
  expect(valueOf(audit, 'spindle_dead_letters', { durable: 'audit-service' })).toBe(0);
  expect(valueOf(node, 'spindle_node_steps_total', { step: 'enable-tpg', result: 'ok' })).toBe(1);
  expect(valueOf(node, 'spindle_node_step_duration_seconds_count', { step: 'create-portal' })).toBe(1);
  expect(valueOf(node, 'spindle_node_restoring')).toBe(0);
  expect(valueOf(node, 'spindle_node_drifted_targets')).toBe(0);
}, 60_000);

import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { AuditEntry, Page, TargetResponse } from '#contracts';
import { InitiatorFailed, inquire, projectRoot } from '#embedded';
import { eventually, startSpindleForTests, type SpindleForTests } from '../harness/spindle-for-tests';

jest.setTimeout(60_000);

let spindle: SpindleForTests;
beforeAll(async () => {
  spindle = await startSpindleForTests('chap');
}, 120_000);
afterAll(() => spindle?.end(), 30_000);

/** Every secret that this file has seen. */
const secrets = new Set<string>();
const known = <T extends TargetResponse>(target: T): T => {
  const { secret, mutual_secret } = target.chap_credentials ?? {};
  for (const text of [secret, mutual_secret]) if (text) secrets.add(text);
  return target;
};

const create = async (chap?: object, headers: Record<string, string> = {}) => {
  const [{ id: machine_id }, { id: image_id }] = [await spindle.machine(), await spindle.image()];
  return spindle.http<TargetResponse>('POST', 'targets', { machine_id, image_id, chap }, { headers: { prefer: 'wait=20', ...headers } });
};
const outcome = async (target: TargetResponse, { secret, mutual_secret }: { secret?: string; mutual_secret?: string | null } = {}) => {
  const proof = mutual_secret ? { user: target.iqn, password: mutual_secret } : undefined;
  const chap = secret ? { user: target.initiator_iqn, password: secret, target: proof } : undefined;
  return inquire({ portal: spindle.lab.portal, iqn: target.iqn, initiator: target.initiator_iqn, chap }).then(
    () => 'in',
    (error: unknown) => (error instanceof InitiatorFailed ? 'out' : Promise.reject(error)),
  );
};

it('a target with CHAP tells its secrets once, and asks every initiator for them', async () => {
  const { status, body } = await create({ mutual: true });
  const target = known(body);
  const credentials = target.chap_credentials!;
  const later = (await spindle.http<TargetResponse>('GET', `targets/${target.id}`)).body;

  expect(status).toBe(201);
  expect(target).toMatchObject({ status: 'ACTIVE', chap: 'mutual' });
  expect(credentials).toEqual({
    username: target.initiator_iqn,
    secret: expect.stringMatching(/^[A-Za-z0-9_.]{16}$/) as string,
    mutual_username: target.iqn,
    mutual_secret: expect.stringMatching(/^[A-Za-z0-9_.]{16}$/) as string,
  });
  expect(later).toMatchObject({ chap: 'mutual' });
  expect(later).not.toHaveProperty('chap_credentials');
  expect(await outcome(target, credentials)).toBe('in');
  expect(await outcome(target)).toBe('out');
  expect(await outcome(target, { ...credentials, secret: 'wrong_secret.123' })).toBe('out');
  expect(await outcome(target, { ...credentials, mutual_secret: 'wrong_secret.123' })).toBe('out');
});

it('secrets that are given are taken as they are', async () => {
  const target = known((await create({ secret: 'Given.secret_12' })).body);

  expect(target.chap_credentials).toMatchObject({ secret: 'Given.secret_12', mutual_secret: null });
  expect(await outcome(target, { secret: 'Given.secret_12' })).toBe('in');
});

it.each([
  [{ secret: 'short' }, 'INVALID_CHAP_SECRET'],
  [{ secret: 'seventeen_letters' }, 'INVALID_CHAP_SECRET'],
  [{ secret: 'NULL_twelve_12' }, 'INVALID_CHAP_SECRET'],
  [{ secret: 'with space 123' }, 'INVALID_CHAP_SECRET'],
  [{ secret: 'with|pipe|1234' }, 'INVALID_CHAP_SECRET'],
  [{ mutual_secret: 'Given.secret_12' }, 'INVALID_CHAP_SECRET'],
  [{ secret: 'Given.secret_12', mutual: true, mutual_secret: 'Given.secret_12' }, 'INVALID_CHAP_SECRET'],
  [{ user: 'x' }, 'UNKNOWN_FIELD'],
])('%j is refused, and is nowhere in the trail', async (chap, code) => {
  const answer = await create(chap, { 'x-request-id': `refused-${JSON.stringify(chap).length}` });

  expect([answer.status, answer.code]).toEqual([422, code]);
});

it('the same command under its key is told the same secrets, and none once they were changed', async () => {
  const headers = { 'idempotency-key': 'chap-once' };
  const [{ id: machine_id }, { id: image_id }] = [await spindle.machine(), await spindle.image()];
  const ask = () =>
    spindle.http<TargetResponse>('POST', 'targets', { machine_id, image_id, chap: {} }, { headers: { ...headers, prefer: 'wait=20' } });

  const [first, again] = [known((await ask()).body), (await ask()).body];
  const [{ answer }] = (await spindle.sql<{ answer: string }>(
    `SELECT answer::text FROM targets.idempotency_keys WHERE key = 'chap-once'`,
  )) as [{ answer: string }];
  known((await spindle.http<TargetResponse>('POST', `targets/${first.id}/chap/rotate`, {}, { headers: { prefer: 'wait=20' } })).body);
  const late = (await ask()).body;

  expect(again).toEqual(first);
  expect(answer).not.toContain(first.chap_credentials!.secret);
  expect(late.id).toBe(first.id);
  expect(late).not.toHaveProperty('chap_credentials');
});

it('new secrets replace the old ones, over NATS as over HTTP; event and trail say so without them', async () => {
  const target = known((await create({})).body);
  const old = target.chap_credentials!;
  const headers = { 'X-Request-Id': 'rotate-1', Prefer: 'wait=20' };

  const rotated = known((await spindle.ask<TargetResponse>('targets.rotate-chap', { id: target.id }, { headers })).body);
  const trail = await eventually(
    () => spindle.http<Page<AuditEntry>>('GET', 'audit?correlation_id=rotate-1'),
    ({ body }) => body.items.length === 3,
  );
  const events = await spindle.sql<{ subject: string }>(
    `SELECT subject FROM targets.outbox WHERE request_id = 'rotate-1' AND subject LIKE 'target.%' ORDER BY position`,
  );

  expect(rotated).toMatchObject({ status: 'ACTIVE', operation: null, generation: target.generation + 1, chap: 'one-way' });
  expect(rotated.chap_credentials!.secret).not.toBe(old.secret);
  expect([await outcome(target, old), await outcome(target, rotated.chap_credentials)]).toEqual(['out', 'in']);
  expect(events.map(({ subject }) => subject)).toEqual(['target.requested', 'target.repaired']);
  expect(trail.body.items.map(({ action }) => action).sort()).toEqual(['secrets.shown', 'target.repaired', 'targets.rotate-chap']);
  expect(trail.body.items.find(({ action }) => action === 'secrets.shown')!.after).toMatchObject({
    chap: 'one-way',
    secret: expect.stringMatching(/^hmac-sha256:[0-9a-f]{64}$/) as string,
  });
});

it('CHAP can be switched on for a target that is there, and survives a restart of it', async () => {
  const target = (await create()).body;
  const on = known(
    (
      await spindle.http<TargetResponse>(
        'POST',
        `targets/${target.id}/chap/rotate`,
        { chap: { mutual: true } },
        { headers: { prefer: 'wait=20' } },
      )
    ).body,
  );
  const restarted = (await spindle.http<TargetResponse>('POST', `targets/${target.id}/restart`, {}, { headers: { prefer: 'wait=20' } }))
    .body;

  expect([target.chap, on.chap, restarted.chap, restarted.status]).toEqual(['none', 'mutual', 'mutual', 'ACTIVE']);
  expect([await outcome(target), await outcome(target, on.chap_credentials)]).toEqual(['out', 'in']);
  expect((await spindle.http<{ drift: unknown[] }>('GET', `targets/${target.id}/status`)).body.drift).toEqual([]);
});

it('a change of the key that encrypts secrets needs no restart', async () => {
  const target = known((await create({})).body);
  const run = (...words: string[]) =>
    execFileSync(process.execPath, [join(projectRoot(), 'scripts/secrets.mjs'), ...words], {
      encoding: 'utf8',
      env: { ...process.env, SECRETS_KEY_FILE: spindle.credentials.secretsKeyFile, DATABASE_URL: spindle.endpoints.database_url },
    });

  run('new-key', 'second');
  run('rotate-key');
  const keys = await spindle.sql<{ key_id: string }>('SELECT DISTINCT key_id FROM targets.chap_secrets');
  const restarted = (await spindle.http<TargetResponse>('POST', `targets/${target.id}/restart`, {}, { headers: { prefer: 'wait=20' } }))
    .body;

  expect(keys).toEqual([{ key_id: 'second' }]);
  expect(restarted.status).toBe('ACTIVE');
  expect(await outcome(target, target.chap_credentials)).toBe('in');
});

it('a deleted target leaves no secret behind', async () => {
  const target = known((await create({ mutual: true })).body);
  await spindle.http('DELETE', `targets/${target.id}`, undefined, { headers: { prefer: 'wait=20' } });

  expect(await spindle.sql('SELECT 1 FROM targets.chap_secrets WHERE target_id = $1', [target.id])).toEqual([]);
});

it('no secret stands in a log, an event, a record or the trail', async () => {
  const rows = await spindle.sql<{ text: string }>(
    `SELECT row_to_json(t)::text AS text FROM targets.outbox t UNION ALL SELECT row_to_json(t)::text FROM targets.targets t
     UNION ALL SELECT row_to_json(t)::text FROM targets.idempotency_keys t UNION ALL SELECT row_to_json(t)::text FROM audit.entries t`,
  );
  const dir = dirname(spindle.endpoints.image_root);
  const files = [
    ...readdirSync(join(dir, 'logs')).map((name) => join(dir, 'logs', name)),
    join(dir, 'lab/executor.log'),
    join(dir, 'lab/console.log'),
  ];
  const places = [...rows.map(({ text }) => text), ...files.map((file) => readFileSync(file, 'utf8'))];

  expect(secrets.size).toBeGreaterThan(8);
  for (const secret of secrets) expect(places.filter((text) => text.includes(secret))).toEqual([]);
});

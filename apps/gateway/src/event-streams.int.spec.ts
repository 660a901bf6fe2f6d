import type { NestExpressApplication } from '@nestjs/platform-express';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXAMPLE_EVENT } from '#contracts';
import { startNats, type RunningNats } from '#embedded';
import { connectBus, ensureStreams, publishStored, type Bus } from '#messaging';
import { createLog, loadSettings, newApiToken, newId, sleep } from '#runtime';
import { signAccessToken } from '#tokens';
import { AccessKey } from './auth.guard';
import { Settings } from './config';
import { createGateway, leave, listen } from './create-gateway';

const log = createLog('gateway', 'silent');
const credentials = { user: 'spindle', password: 'spindle-test-password' };
const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const privateKey = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const token = signAccessToken({ sub: newId(), username: 'ann', role: 'viewer' }, privateKey);

let folder: string;
let nats: RunningNats;
let bus: Bus;
let app: NestExpressApplication;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'spindle-events-'));
  nats = await startNats({ dataDir: folder, ...credentials, log: () => undefined });
  const natsSettings = { NATS_URL: nats.url, NATS_USER: credentials.user, NATS_PASSWORD: credentials.password };
  bus = await connectBus('test', natsSettings, log);
  await ensureStreams(bus.nats);
  const settings = loadSettings(Settings, { AUTH_PUBLIC_KEY_FILE: 'unused', MAX_EVENT_STREAMS: '2', ...natsSettings });
  const key = new AccessKey(keys.publicKey.export({ type: 'spki', format: 'pem' }).toString());
  app = await createGateway(settings, key, log);
  await listen(app, 0, '127.0.0.1');
  await until(async () => (await readyz()) === 'up');
}, 30_000);

afterEach(async () => {
  await leave(app);
  await bus.close();
  await nats.stop();
  rmSync(folder, { recursive: true, force: true });
});

const until = async (holds: () => Promise<boolean>): Promise<void> => {
  while (!(await holds())) await sleep(50);
};

const readyz = async (): Promise<string> => {
  const answer = (await (await fetch(`${await app.getUrl()}/readyz`)).json()) as { dependencies: { nats: string } };
  return answer.dependencies.nats;
};

const publish = (n: number) => publishStored(bus.nats, { subject: 'target.created', id: newId(), body: { ...EXAMPLE_EVENT, sequence: n } });

const follow = async (headers: Record<string, string> = {}, bearer = token) =>
  fetch(`${await app.getUrl()}/api/v1/events`, { headers: { Authorization: `Bearer ${bearer}`, ...headers } });

/** The stream's text, read until it holds `until` or has ended. */
const readUntil = async (response: Response, until: string | undefined): Promise<string> => {
  let text = '';
  const decoder = new TextDecoder();
  if (!response.body) return text;
  const reader = response.body.getReader();
  while (until === undefined || !text.includes(until)) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  if (until !== undefined) await reader.cancel();
  return text;
};

const openStreams = async (): Promise<number> => {
  const text = await (await fetch(`${await app.getUrl()}/metrics`)).text();
  return Number(/^spindle_event_streams(?:\{[^}]*\})? (\d+)/m.exec(text)?.[1]);
};

describe('the event stream', () => {
  it('sends what happens from now on, each with its position, name and body', async () => {
    await publish(1);
    const response = await follow();

    await publish(2);

    const text = await readUntil(response, 'data:');
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(text).toContain('id: 2\nevent: target.created\ndata: {');
    expect(JSON.parse(/data: (.*)\n/.exec(text)![1]!)).toEqual({ ...EXAMPLE_EVENT, sequence: 2 });
  });

  it('goes on after Last-Event-ID', async () => {
    for (const n of [1, 2, 3]) await publish(n);

    const text = await readUntil(await follow({ 'Last-Event-ID': '1' }), 'id: 3');

    expect(text.match(/^id: .*$/gm)).toEqual(['id: 2', 'id: 3']);
  });

  it('begins anew after a Last-Event-ID from before the store was wiped', async () => {
    await publish(1);

    const text = await readUntil(await follow({ 'Last-Event-ID': '900' }), 'data:');

    expect(text).toContain('id: 1\n');
  });

  it.each(['-1', 'x', '1.5', '9'.repeat(16)])('refuses %s as Last-Event-ID', async (id) => {
    const response = await follow({ 'Last-Event-ID': id });

    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ code: 'INVALID_VALUE', errors: [{ field: 'Last-Event-ID' }] });
  });

  it.each([
    ['no token', '', 'UNAUTHENTICATED'],
    [
      'a token of another key',
      signAccessToken(
        { sub: newId(), username: 'eve', role: 'admin' },
        generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      ),
      'TOKEN_INVALID',
    ],
  ])('is refused with %s', async (_what, bearer, code) => {
    const response = bearer === '' ? await fetch(`${await app.getUrl()}/api/v1/events`) : await follow({}, bearer);

    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expect(await response.json()).toMatchObject({ code });
  });

  it('is not opened by HEAD', async () => {
    const response = await fetch(`${await app.getUrl()}/api/v1/events`, { method: 'HEAD', headers: { Authorization: `Bearer ${token}` } });

    expect(response.status).toBe(200);
    expect(await readUntil(response, undefined)).toBe('');
  });

  it('ends when the token does', async () => {
    // Tokens are taken for 60 s longer than they say, for clocks that differ.
    const shortly = signAccessToken({ sub: newId(), username: 'ann', role: 'viewer' }, privateKey, -58);
    const startedAt = Date.now();

    const text = await readUntil(await follow({}, shortly), undefined);

    expect(text).toBe(': events follow\n\n');
    expect(Date.now() - startedAt).toBeLessThan(4_000);
  });

  it('is opened with an API token for which targets-service gives an access token', async () => {
    const { text } = newApiToken(newId());
    expect((await follow({}, text)).status).toBe(503);

    bus.nats.subscribe('auth.exchange', {
      callback: (_error, message) => message.respond(JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: 900 })),
    });
    await bus.nats.flush();
    const response = await follow({}, text);
    await publish(1);

    expect(await readUntil(response, 'event: target.created')).toContain(EXAMPLE_EVENT.id);
  });

  it('is refused beyond the number that may be open, until one is closed', async () => {
    const first = await follow();
    const second = await follow();

    const third = await follow();
    expect(third.status).toBe(429);
    expect(await third.json()).toMatchObject({ code: 'RATE_LIMITED' });

    await first.body!.cancel();
    await until(async () => (await openStreams()) === 1);
    const fourth = await follow();
    expect(fourth.status).toBe(200);
    await Promise.all([second.body!.cancel(), fourth.body!.cancel()]);
  });

  it('goes on when NATS was away', async () => {
    const response = await follow();
    await nats.kill();

    nats = await startNats({ dataDir: folder, port: nats.port, ...credentials, log: () => undefined });
    await until(async () => bus.connected() && (await readyz()) === 'up');
    await publish(1);

    expect(await readUntil(response, 'data:')).toContain('event: target.created');
  }, 30_000);

  it('ends when the gateway leaves, which takes less than 2 s', async () => {
    const response = await follow();
    const startedAt = Date.now();

    const [text] = await Promise.all([readUntil(response, undefined), leave(app)]);

    expect(text).toBe(': events follow\n\n');
    expect(Date.now() - startedAt).toBeLessThan(2_000);
  });
});

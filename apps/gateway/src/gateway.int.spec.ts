import type { NestExpressApplication } from '@nestjs/platform-express';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import request from 'supertest';
import { EXAMPLES, Refused, type Problem } from '#contracts';
import { claimPort, startNats, type RunningNats } from '#embedded';
import { connectBus, type Bus } from '#messaging';
import { createLog, loadSettings, sleep } from '#runtime';
import { AccessKey } from './auth.guard';
import { Settings } from './config';
import { createGateway, leave, listen } from './create-gateway';

const log = createLog('gateway', 'silent');
const credentials = { user: 'spindle', password: 'spindle-test-password' };
const publicKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }).toString();

let folder: string;
let nats: RunningNats;
let bus: Bus;
let app: NestExpressApplication;
let url: string;

const startGateway = async (natsUrl: string, env: Record<string, string> = {}): Promise<NestExpressApplication> => {
  const { user: NATS_USER, password: NATS_PASSWORD } = credentials;
  const settings = loadSettings(Settings, { AUTH_PUBLIC_KEY_FILE: 'unused', NATS_URL: natsUrl, NATS_USER, NATS_PASSWORD, ...env });
  const gateway = await createGateway(settings, new AccessKey(publicKey), log);
  await listen(gateway, 0, '127.0.0.1');
  return gateway;
};

/** Until the gateway's own connection is there. */
const untilConnected = async (base: string): Promise<void> => {
  for (;;) {
    const { body } = (await request(base).get('/readyz')) as { body: { dependencies: { nats: string } } };
    if (body.dependencies.nats === 'up') return;
    await sleep(50);
  }
};

interface Asked {
  body: unknown;
  header: (name: string) => string | undefined;
}

/** Answers one request on a subject as a service would, and tells what it was asked with. */
const answerOnce = async (subject: string, reply: unknown, errorStatus?: number): Promise<{ asked: Promise<Asked> }> => {
  const asked = new Promise<Asked>((resolve) => {
    bus.nats.subscribe(subject, {
      max: 1,
      callback: (_error, message) => {
        const headers = message.headers!;
        resolve({ body: message.json(), header: (name) => headers.get(name) || undefined });
        if (errorStatus !== undefined) headers.set('Nats-Service-Error-Code', String(errorStatus));
        message.respond(JSON.stringify(reply), { headers });
      },
    });
  });
  // The gateway asks over another connection: the server must know of us first.
  await bus.nats.flush();
  return { asked };
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'spindle-gateway-'));
  nats = await startNats({ dataDir: folder, ...credentials, log: () => undefined });
  bus = await connectBus('test', { NATS_URL: nats.url, NATS_USER: credentials.user, NATS_PASSWORD: credentials.password }, log);
  app = await startGateway(nats.url);
  url = await app.getUrl();
  await untilConnected(url);
}, 30_000);

afterAll(async () => {
  await leave(app);
  await bus.close();
  await nats.stop();
  rmSync(folder, { recursive: true, force: true });
});

const expectProblem = (response: request.Response, code: Problem['code'], status: number): void => {
  expect(response.headers['content-type']).toBe('application/problem+json');
  expect(response.body).toMatchObject({ code, status, request_id: response.headers['x-request-id'] });
  expect(response.status).toBe(status);
};

describe('a request that no service sees', () => {
  it('is answered 503 and told when to try again while nobody serves it', async () => {
    const response = await request(url).get('/api/v1/targets');

    expectProblem(response, 'SERVICE_UNAVAILABLE', 503);
    expect(response.headers['retry-after']).toBe('2');
  });

  it.each([
    ['text that is no JSON', 'application/json', '{"machine_id":', 'INVALID_JSON', 400],
    ['JSON that is no object', 'application/json', '[1]', 'INVALID_JSON', 400],
    ['bytes that are no UTF-8', 'application/json', Buffer.from([0x7b, 0xff, 0x7d]), 'INVALID_JSON', 400],
    ['nesting that is too deep', 'application/json', `{"a":${'['.repeat(40)}${']'.repeat(40)}}`, 'INVALID_JSON', 400],
    ['a key that is there twice', 'application/json', '{"machine_id":"1","machine_id":"2"}', 'INVALID_JSON', 400],
    ['another content type', 'text/plain', '{}', 'UNSUPPORTED_MEDIA_TYPE', 415],
    ['a form', 'application/x-www-form-urlencoded', 'machine_id=1', 'UNSUPPORTED_MEDIA_TYPE', 415],
    ['another charset', 'application/json; charset=utf-16', '{}', 'UNSUPPORTED_MEDIA_TYPE', 415],
    ['one byte too many', 'application/json', `{"a":"${'x'.repeat(65_537 - 8)}"}`, 'PAYLOAD_TOO_LARGE', 413],
    ['far too much', 'application/json', 'x'.repeat(2_000_000), 'PAYLOAD_TOO_LARGE', 413],
  ] as const)('is refused for %s', async (_what, type, body, code, status) => {
    const response = await request(url)
      .post('/api/v1/targets')
      .set('Content-Type', type)
      .serialize((sent) => sent as string)
      .send(body as string);

    expectProblem(response, code, status);
  });

  it.each([
    ['a header name with a space', 'GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n', 'MALFORMED_REQUEST', 400],
    ['half a line end in a header', 'GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\nc\r\n\r\n', 'MALFORMED_REQUEST', 400],
    ['what is no HTTP at all', '\x16\x03\x01\r\n\r\n', 'MALFORMED_REQUEST', 400],
    ['an address without end', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 'HEADERS_TOO_LARGE', 431],
  ] as const)('is told by code that %s cannot be read', async (_what, bytes, code, status) => {
    const { port } = new URL(url);
    const socket = connectTcp(Number(port), '127.0.0.1');
    socket.write(bytes);

    let heard = '';
    for await (const part of socket) heard += String(part);

    expect(heard).toMatch(new RegExp(`^HTTP/1.1 ${status} [^]*"code":"${code}"`));
    expect(heard).toContain('Content-Type: application/problem+json');
  });

  it('shows a field that it does not know by codes where a reader would take it for another', async () => {
    const response = await request(url).post('/api/v1/targets?%D0%B0%E2%80%AE=1');

    expectProblem(response, 'UNKNOWN_FIELD', 422);
    expect((response.body as Problem).errors?.[0]?.field).toBe('\\u0430\\u202e');
  });

  it('is not refused for a body of exactly the limit', async () => {
    const { asked } = await answerOnce('targets.create', EXAMPLES['targets.create'].output);

    await request(url)
      .post('/api/v1/targets')
      .set('Content-Type', 'application/json')
      .send(`{"a":"${'x'.repeat(65_536 - 8)}"}`);

    expect((await asked).body).toMatchObject({ a: expect.stringMatching(/^x+$/) as unknown });
  });

  it('is refused for a compressed body, which could be any size', async () => {
    const response = await request(url).post('/api/v1/targets').set('Content-Encoding', 'gzip').send({});

    expectProblem(response, 'UNSUPPORTED_MEDIA_TYPE', 415);
  });

  it.each(['GET /api/v1/nothing', 'GET /api/v2/targets', 'PUT /api/v1/targets', 'GET /api/v1/targets/%ff', 'GET /'])(
    'is refused as %s',
    async (line) => {
      const [method, path] = line.split(' ') as ['GET' | 'PUT', string];

      const response = await request(url)[method === 'GET' ? 'get' : 'put'](path);

      expectProblem(response, 'ROUTE_NOT_FOUND', 404);
    },
  );

  it('is counted, since no audit trail has it', async () => {
    await request(url).get('/api/v1/nothing');

    const { text } = await request(url).get('/metrics');
    expect(text).toMatch(/spindle_http_refusals_total\{code="ROUTE_NOT_FOUND",by="gateway"\} [1-9]/);
  });

  it('has its id from the client when that is a plain token, and one of ours otherwise', async () => {
    const own = await request(url).get('/api/v1/nothing').set('X-Request-Id', 'ticket-4711');
    const odd = await request(url).get('/api/v1/nothing').set('X-Request-Id', 'a b"c');

    expectProblem(own, 'ROUTE_NOT_FOUND', 404);
    expect(own.headers['x-request-id']).toBe('ticket-4711');
    expect(odd.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('a request that a service answers', () => {
  it('reaches it as one message with who, where from and how long', async () => {
    const { asked } = await answerOnce('targets.restart', EXAMPLES['targets.restart'].output);

    const response = await request(url).post('/api/v1/targets/42/restart?if_idle=true').set({
      Authorization: 'Bearer a.b.c',
      'Idempotency-Key': 'k-1',
      'X-Request-Id': 'r-7',
      Prefer: 'wait=600',
      'X-Forwarded-For': '198.51.100.7',
    });

    expect(response.status).toBe(200);
    const { body, header } = await asked;
    expect(body).toEqual({ id: '42', if_idle: true });
    expect(['Authorization', 'Idempotency-Key', 'X-Request-Id', 'Prefer', 'Spindle-Source'].map(header)).toEqual([
      'Bearer a.b.c',
      'k-1',
      'r-7',
      'wait=25',
      'http:127.0.0.1',
    ]);
  });

  it.each([
    ['201 when the target is there', EXAMPLES['targets.create'].output, 201],
    ['202 while it is being made', EXAMPLES['targets.create'].running, 202],
  ])('is answered %s, with where to find it', async (_what, reply, status) => {
    await answerOnce('targets.create', reply);

    const response = await request(url).post('/api/v1/targets').send(EXAMPLES['targets.create'].input);

    expect(response.status).toBe(status);
    expect(response.headers['location']).toBe(`/api/v1/targets/${reply.id}`);
    expect(response.body).toEqual(reply);
  });

  it('is refused while as many wait for an answer as may be, and is not once they have theirs', async () => {
    const small = await startGateway(nats.url, { MAX_REQUESTS: '2', REQUEST_TIMEOUT_MS: '2000' });
    const base = await small.getUrl();
    await untilConnected(base);
    const held: (() => void)[] = [];
    const service = bus.nats.subscribe('machines.list', {
      callback: (_error, message) => void held.push(() => message.respond(JSON.stringify({ items: [], next_cursor: null, total: 0 }))),
    });
    await bus.nats.flush();
    const ask = () => request(base).get('/api/v1/machines');

    const waiting = [ask(), ask()].map((one) => one.then(({ status }) => status));
    while (held.length < 2) await sleep(10);
    const third = await ask();
    held.forEach((answer) => answer());
    const statuses = await Promise.all(waiting);
    const later = ask().then(({ status }) => status);
    while (held.length < 3) await sleep(10);
    held[2]!();

    expectProblem(third, 'RATE_LIMITED', 429);
    expect(third.headers['retry-after']).toBe('1');
    expect([...statuses, await later]).toEqual([200, 200, 200]);
    service.unsubscribe();
    await leave(small);
  });

  it('is refused as the service refuses it', async () => {
    await answerOnce('targets.create', new Refused('NODE_BUSY', { retryAfter: 7, resourceId: 'node-1' }).toProblem('r-8'), 503);

    const response = await request(url).post('/api/v1/targets').set('X-Request-Id', 'r-8').send({});

    expectProblem(response, 'NODE_BUSY', 503);
    expect(response.headers['retry-after']).toBe('7');
    expect(response.body).toMatchObject({ resource_id: 'node-1', request_id: 'r-8' });
  });

  it('is answered INTERNAL, without the text, when the answer is none of ours', async () => {
    await answerOnce('targets.list', { error: 'ECONNREFUSED 10.0.0.1' }, 500);

    const response = await request(url).get('/api/v1/targets');

    expectProblem(response, 'INTERNAL', 500);
    expect(response.text).not.toContain('ECONNREFUSED');
  });
});

describe('the settings of one gateway', () => {
  it('limit logins by client address', async () => {
    const limited = await startGateway(nats.url, { LOGIN_RATE_PER_MINUTE: '2' });
    const base = await limited.getUrl();
    await untilConnected(base);
    const attempt = () => request(base).post('/api/v1/auth/login').send({ username: 'ann', password: 'wrong' });

    const statuses = [(await attempt()).status, (await attempt()).status];
    const third = await attempt();

    expect(statuses).toEqual([503, 503]);
    expectProblem(third, 'RATE_LIMITED', 429);
    expect(Number(third.headers['retry-after'])).toBeGreaterThan(50);
    await leave(limited);
  });

  it('say whose X-Forwarded-For is believed', async () => {
    const proxied = await startGateway(nats.url, { TRUSTED_PROXIES: 'loopback' });
    const base = await proxied.getUrl();
    await untilConnected(base);

    const asked = [(await answerOnce('nodes.list', {})).asked, (await answerOnce('machines.list', {})).asked];
    await request(base).get('/api/v1/nodes').set('X-Forwarded-For', '203.0.113.9, 198.51.100.7');
    await request(base).get('/api/v1/machines').set('X-Forwarded-For', 'not-an-address');

    expect(await Promise.all(asked.map(async (one) => (await one).header('Spindle-Source')))).toEqual([
      'http:198.51.100.7',
      'http:127.0.0.1',
    ]);
    await leave(proxied);
  });
});

describe('leaving', () => {
  it('answers 503 to what no service has answered yet, and takes less than 2 s', async () => {
    const leaver = await startGateway(nats.url);
    const base = await leaver.getUrl();
    await untilConnected(base);
    const reached = new Promise<void>((resolve) => void bus.nats.subscribe('images.list', { max: 1, callback: () => resolve() }));
    await bus.nats.flush();
    const answer = request(base)
      .get('/api/v1/images')
      .then((response) => response);
    await reached;
    const startedAt = Date.now();

    await leave(leaver);

    expect(Date.now() - startedAt).toBeLessThan(2_000);
    expectProblem(await answer, 'SERVICE_UNAVAILABLE', 503);
  });
});

describe('health', () => {
  it('is up, and not ready for want of targets-service', async () => {
    expect((await request(url).get('/healthz')).status).toBe(200);

    const response = await request(url).get('/readyz');

    expect(response.status).toBe(503);
    expect(response.body).toEqual({ ready: false, dependencies: { nats: 'up', 'targets-service': 'down' } });
  });

  it('is ready once targets-service answers to its name', async () => {
    const service = await bus.nats.services.add({ name: 'targets-service', version: '1.0.0' });
    await bus.nats.flush();

    const response = await request(url).get('/readyz');

    expect(response.body).toEqual({ ready: true, dependencies: { nats: 'up', 'targets-service': 'up' } });
    await service.stop();
  });

  it('says that NATS is down while it never was up, and serves once it is', async () => {
    const port = await claimPort('test');
    const alone = await startGateway(`nats://127.0.0.1:${port}`);
    const base = await alone.getUrl();

    const before = await request(base).get('/readyz');
    expect(before.body).toEqual({ ready: false, dependencies: { nats: 'down', 'targets-service': 'down' } });
    expectProblem(await request(base).get('/api/v1/targets'), 'SERVICE_UNAVAILABLE', 503);

    const late = await startNats({ dataDir: join(folder, 'late'), port, ...credentials, log: () => undefined });
    await untilConnected(base);
    await leave(alone);
    await late.stop();
  });
});

describe('the API page', () => {
  it('is served from this origin only, with the document', async () => {
    const page = await request(url).get('/docs');
    const script = await request(url).get('/docs/swagger-ui-bundle.js');
    const document = await request(url).get('/docs/openapi.json');

    expect(page.headers['content-security-policy']).toContain("script-src 'self'");
    expect(page.text).not.toMatch(/(src|href)="(https?:)?\/\//);
    expect(page.text.match(/<script(?![^>]*src=)/)).toBeNull();
    expect(script.status).toBe(200);
    expect(document.body).toMatchObject({ openapi: '3.1.0' });
    expect(page.headers['x-powered-by']).toBeUndefined();
  });
});

import { mkdtempSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Controller } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { connect, headers, type NatsConnection } from 'nats';
import { Refused } from '#contracts';
import { startNats, type RunningNats } from '#embedded';
import { createLog } from '#runtime';
import {
  AUDIT_STREAM,
  DEAD_LETTER_STREAM,
  NatsServerStrategy,
  PassThroughFilter,
  ask,
  connectBus,
  ensureStreams,
  publishStored,
  type Bus,
  type RequestContext,
} from './index';

const log = createLog('test', 'silent');
const MOST_AT_ONCE = 50;
const login = { user: 'spindle', password: 'not-a-secret' };
const dataDir = mkdtempSync(join(tmpdir(), 'messaging-'));

let server: RunningNats;
let bus: Bus;
let client: NatsConnection;
let close: () => Promise<void>;
let handled: string[] = [];
const failing = new Map<string, () => Error | undefined>();

const durable = { stream: AUDIT_STREAM, durable: 'test', backoffMs: [10, 20], maxDeliveries: 3 };

@Controller()
class Handlers {
  @MessagePattern('echo.it')
  echo(@Payload() body: object, @Ctx() context: RequestContext) {
    return { body, request_id: context.requestId, source: context.source };
  }

  @MessagePattern('echo.{name}')
  named() {
    return { named: true };
  }

  @MessagePattern('echo.refuse')
  refuse() {
    throw new Refused('MACHINE_HAS_TARGET', { resourceId: 'x' });
  }

  @MessagePattern('echo.break')
  break() {
    throw new Error('secret inner text of /etc/passwd');
  }

  @MessagePattern('echo.slow')
  async slow() {
    await new Promise((done) => setTimeout(done, 600));
    return { slow: true };
  }

  @EventPattern('audit-intent.>', durable)
  handle(@Payload() body: { id: string }) {
    const error = failing.get(body.id)?.();
    if (error) throw error;
    handled.push(body.id);
  }
}

const startServer = async () => {
  bus = await connectBus('test', { NATS_URL: server.url, NATS_USER: login.user, NATS_PASSWORD: login.password }, log);
  await ensureStreams(bus.nats);
  const strategy = new NatsServerStrategy({
    name: 'test',
    version: '1.2.3',
    description: '',
    bus,
    log,
    parameters: { name: 'by-parameter' },
    maxInFlight: MOST_AT_ONCE,
  });
  const app = await NestFactory.createMicroservice({ module: class {}, controllers: [Handlers] }, { strategy, logger: false });
  app.useGlobalFilters(new PassThroughFilter());
  await app.listen();
  close = async () => {
    await app.close();
    await bus.close();
  };
};

const intent = (id: string) => publishStored(bus.nats, { subject: 'audit-intent.test', id, body: { id } });

const eventually = async (check: () => boolean | Promise<boolean>) => {
  for (let left = 150; left > 0; left--) {
    if (await check()) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error('did not happen');
};

const deadLetters = async (): Promise<string[]> => {
  const manager = await client.jetstreamManager();
  const { state } = await manager.streams.info(DEAD_LETTER_STREAM);
  const messages = await Promise.all(
    [...Array(state.messages)].map((_, i) => manager.streams.getMessage(DEAD_LETTER_STREAM, { seq: state.first_seq + i })),
  );
  return messages.map((message) => new TextDecoder().decode(message.data));
};

beforeAll(async () => {
  server = await startNats({ dataDir, ...login, log: () => undefined });
  client = await connect({ servers: server.url, user: login.user, pass: login.password, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
  await startServer();
}, 30_000);

afterAll(async () => {
  await close?.();
  await client?.close();
  await server?.stop();
});

beforeEach(() => {
  handled = [];
  failing.clear();
});

describe('requests', () => {
  it('a client with no Nest in it gets plain JSON and its request id back', async () => {
    const sent = headers();
    sent.set('X-Request-Id', 'mine-1');

    const answer = await client.request('echo.it', '{"a":1}', { headers: sent, timeout: 2_000 });

    expect(answer.json()).toEqual({ body: { a: 1 }, request_id: 'mine-1', source: 'nats' });
    expect(answer.headers?.get('X-Request-Id')).toBe('mine-1');
  });

  it('a request id that is no plain token is replaced, and a forged source is not believed', async () => {
    const sent = headers();
    sent.set('X-Request-Id', 'a b"c');
    sent.set('Spindle-Source', 'root of all evil');

    const answer = (await client.request('echo.it', '{}', { headers: sent, timeout: 2_000 })).json<{
      request_id: string;
      source: string;
    }>();

    expect(answer.request_id).toMatch(/^[0-9a-f-]{36}$/);
    expect(answer.source).toBe('nats');
  });

  it.each<[string, string | Uint8Array, number, string]>([
    ['that ends too early', '{"a":', 400, 'INVALID_JSON'],
    ['that is a list', '[1]', 400, 'INVALID_JSON'],
    ['that is a text', '"text"', 400, 'INVALID_JSON'],
    ['of a thousand brackets', '['.repeat(1000) + ']'.repeat(1000), 400, 'INVALID_JSON'],
    ['of forty objects in each other', `{"a":${'{"a":'.repeat(40)}1${'}'.repeat(40)}}`, 400, 'INVALID_JSON'],
    ['that is not UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 400, 'INVALID_JSON'],
    ['with a key twice', '{"a":1,"b":{"a":2},"a":3}', 400, 'INVALID_JSON'],
    ['with a key twice, once in escapes', '{"b":[{"key":1,"k\\u0065y":2}]}', 400, 'INVALID_JSON'],
    ['over 64 KiB', JSON.stringify({ a: 'x'.repeat(70_000) }), 413, 'PAYLOAD_TOO_LARGE'],
  ])('a body %s is refused before any handler', async (_what, body, status, code) => {
    const answer = await client.request('echo.it', body);

    expect(answer.headers?.get('Nats-Service-Error-Code')).toBe(String(status));
    expect(answer.headers?.get('Nats-Service-Error')).toBe(code);
    expect(answer.json()).toMatchObject({ status, code });
  });

  it('a body is read that says the same word as a key, as a value and deeper', async () => {
    const body = { a: 'a', '"a"': '{"a":1,"a":2}', list: [{ a: 1 }, { a: 2 }], 'a\\': { a: '\\"a":' }, '': {} };

    const answer = await client.request('echo.it', JSON.stringify(body));

    expect(answer.headers?.has('Nats-Service-Error-Code')).toBe(false);
  });

  it('a header with half a line end is refused, and answered', async () => {
    const { port, hostname } = new URL(server.url);
    const header = 'NATS/1.0\r\nPrefer: a\nb\r\n\r\n';
    const socket = connectTcp(Number(port), hostname);
    socket.write(`CONNECT ${JSON.stringify({ user: login.user, pass: login.password, headers: true, verbose: false })}\r\n`);
    socket.write(`SUB raw 1\r\nHPUB echo.it raw ${header.length} ${header.length + 2}\r\n${header}{}\r\n`);

    let heard = '';
    for await (const part of socket) if ((heard += String(part)).includes('"code"')) break;

    expect(heard).toContain('"code":"MALFORMED_REQUEST"');
  });

  it('a refusal keeps its code and details on the way to our own client', async () => {
    const refusal = await ask(bus, 'echo.refuse', {}, { context: {}, timeoutMs: 2_000 }).catch((error: unknown) => error);

    expect(refusal).toMatchObject({ code: 'MACHINE_HAS_TARGET', details: { resourceId: 'x' } });
  });

  it('an unknown fault answers INTERNAL and tells nothing', async () => {
    const answer = await client.request('echo.break', '{}');

    expect(answer.json()).toMatchObject({ status: 500, code: 'INTERNAL' });
    expect(answer.string()).not.toContain('passwd');
  });

  it('a parameter in a pattern becomes part of the subject', async () => {
    expect((await client.request('echo.by-parameter', '')).json()).toEqual({ named: true });
  });

  it('the services API shows every request', async () => {
    const info = (await client.request('$SRV.INFO.test', '')).json<{
      version: string;
      endpoints: { subject: string; queue_group: string }[];
    }>();

    expect(info.version).toBe('1.2.3');
    expect(info.endpoints.map(({ subject }) => subject).sort()).toEqual([
      'echo.break',
      'echo.by-parameter',
      'echo.it',
      'echo.refuse',
      'echo.slow',
    ]);
    expect(new Set(info.endpoints.map(({ queue_group }) => queue_group))).toEqual(new Set(['test']));
    expect((await client.request('$SRV.PING.test', '')).json()).toMatchObject({ name: 'test' });
    expect((await client.request('$SRV.STATS.test', '')).json()).toMatchObject({ name: 'test' });
  });

  it('more than may be at work at once are refused at once, with when to come again', async () => {
    const asked = Array.from({ length: MOST_AT_ONCE + 5 }, () => client.request('echo.slow', '{}', { timeout: 5_000 }));
    const answers = (await Promise.all(asked)).map((answer) => answer.json<{ code?: string; retry_after?: number }>());
    const after = await client.request('echo.slow', '{}', { timeout: 5_000 });

    expect(answers.filter(({ code }) => code === 'RATE_LIMITED').map((answer) => answer.retry_after)).toEqual([1, 1, 1, 1, 1]);
    expect(after.json()).toEqual({ slow: true });
  });

  it('silence and nobody there have a code', async () => {
    const nobody = await ask(bus, 'nobody.home', {}, { context: {}, timeoutMs: 500, silence: 'NODE_OFFLINE' }).catch(
      (error: unknown) => error,
    );
    const late = await ask(bus, 'echo.slow', {}, { context: {}, timeoutMs: 100 }).catch((error: unknown) => error);

    expect(nobody).toMatchObject({ code: 'NODE_OFFLINE' });
    expect(late).toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
  });
});

describe('events', () => {
  it('are handled in order, once for each message id', async () => {
    for (const id of ['a1', 'a2', 'a2', 'a3']) await intent(id);

    await eventually(() => handled.length >= 3);
    expect(handled).toEqual(['a1', 'a2', 'a3']);
  });

  it('wait for a dependency that is away, for longer than there are deliveries, and keep their order', async () => {
    let left = 6;
    failing.set('b1', () => (left-- > 0 ? new Refused('DATABASE_UNAVAILABLE') : undefined));

    await intent('b1');
    await intent('b2');

    await eventually(() => handled.length === 2);
    expect(handled).toEqual(['b1', 'b2']);
  });

  it('go to the dead letters when they cannot be handled, without holding up the others', async () => {
    let attempts = 0;
    failing.set('c1', () => new Refused('INVALID_VALUE'));
    failing.set('c2', () => {
      attempts++;
      return new Error('fails every time');
    });

    for (const id of ['c1', 'c2', 'c3']) await intent(id);
    await client.jetstream().publish('audit-intent.test', 'no JSON at all', { msgID: 'c4' });

    await eventually(() => handled.includes('c3'));
    await eventually(async () => (await deadLetters()).length >= 3);
    expect((await deadLetters()).sort()).toEqual(['no JSON at all', '{"id":"c1"}', '{"id":"c2"}']);
    expect(attempts).toBe(3);
  });

  it('that came while the service was away are handled after its start', async () => {
    await close();
    await client.jetstream().publish('audit-intent.test', '{"id":"d1"}', { msgID: 'd1' });

    await startServer();

    await eventually(() => handled.includes('d1'));
  });

  it('that were left at work come again after the next start, before what came later', async () => {
    let attempts = 0;
    failing.set('f1', () => {
      attempts++;
      return new Refused('DATABASE_UNAVAILABLE');
    });
    await intent('f1');
    await eventually(() => attempts > 0);
    await close();
    failing.clear();

    await startServer();
    await intent('f2');

    await eventually(() => handled.includes('f2'));
    expect(handled).toEqual(['f1', 'f2']);
  });

  it('go on after the server was killed, and after its store was wiped', async () => {
    await server.kill();
    server = await startNats({ dataDir, ...login, port: server.port, log: () => undefined });
    await eventually(() =>
      intent('e1').then(
        () => true,
        () => false,
      ),
    );
    await eventually(() => handled.includes('e1'));

    const manager = await client.jetstreamManager();
    for (const { config } of await manager.streams.list().next()) await manager.streams.delete(config.name);

    await eventually(() =>
      intent('e2').then(
        () => true,
        () => false,
      ),
    );
    await eventually(() => handled.includes('e2'));
  }, 60_000);
});

it('leaving finishes what is at work', async () => {
  const answer = client.request('echo.slow', '{}', { timeout: 3_000 });
  await client.flush();
  await new Promise((done) => setTimeout(done, 100));

  await close();

  expect((await answer).json()).toEqual({ slow: true });
});

import { once } from 'node:events';
import { chmodSync, existsSync, linkSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Refused } from '#contracts';
import { createLog } from '#runtime';
import type { Handlers } from './line-peer';
import { RootLink } from './root-link';
import { RootSocket } from './root-socket';
import type { ROOT_VERBS } from './verbs';

const log = createLog('test', 'silent');
let dir: string;
let path: string;
let root: RootSocket;
let asked: string[];
let gone: { times: number };
let release: () => void;

const reply = { target_id: '018f3a5e-0000-7000-8000-000000000001', generation: 1, outcome: 'done' as const, disconnected: 0, error: null };
const handlers: Handlers<typeof ROOT_VERBS> = {
  apply: async ({ iqn }) => {
    asked.push(iqn);
    await new Promise<void>((resolve) => (release = resolve));
    return reply;
  },
  status: () => {
    throw new Error('/etc/shadow cannot be read');
  },
  'inspect-image': ({ file }) => {
    asked.push(file);
    return { result: 'ok', size_bytes: 512 };
  },
  'inspect-target': () => {
    throw new Refused('NODE_WEDGED', { hint: 'It hangs.' });
  },
  compare: () => ({ comparisons: [] }),
  'list-targets': () => ({ targets: [], next: null }),
  connected: () => {
    root.believe();
    return {};
  },
  ready: () => ({ kernel: 'up' }),
  metrics: () => 'x'.repeat(500_000),
};
const listen = (user = String(process.getuid!()), at = path) =>
  RootSocket.listen({ path: at, user, handlers, onGone: () => gone.times++, log });

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'spindle-socket-'));
  path = join(dir, 'node', 'root.sock');
  asked = [];
  const mine = (gone = { times: 0 });
  root = await RootSocket.listen({ path, user: String(process.getuid!()), handlers, onGone: () => mine.times++, log });
});
afterEach(() => {
  root.close();
  rmSync(dir, { recursive: true });
});

/** One that has said that it is of this node, and is believed. */
const believed = async () => {
  const one = await client();
  one.say({ ask: 99, verb: 'connected', body: { node_id: 'node-1' } });
  await one.said();
  one.lines.length = 0;
  return one;
};

/** A client that speaks as it likes. */
const client = async () => {
  const socket: Socket = connect(path);
  const lines: { answer?: number; refused?: number; ask?: number; verb?: string; problem?: { code: string } }[] = [];
  createInterface({ input: socket })
    .on('line', (line) => lines.push(JSON.parse(line)))
    .on('error', () => undefined);
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('connect', resolve));
  const said = async (is = (count: number) => count > 0) => {
    for (let left = 200; left > 0 && !is(lines.length); left--) await sleep(10);
    return lines;
  };
  return {
    socket,
    lines,
    ended,
    said,
    say: (line: unknown) => socket.write(typeof line === 'string' ? line : `${JSON.stringify(line)}\n`),
  };
};
const image = (ask: number, file = 'a.img') => ({ ask, verb: 'inspect-image', body: { file } });

test('the socket is for its user alone, in a folder that nobody else may change', () => {
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(join(dir, 'node')).mode & 0o777).toBe(0o711);
});

test('a folder that others may write to, a user that is not there and a socket that is served are refused at the start', async () => {
  const open = join(dir, 'open');
  const other = join(open, 'root.sock');
  (await listen(undefined, other)).close();
  chmodSync(open, 0o777);

  await expect(listen(undefined, other)).rejects.toThrow('must belong to the user of this process and be writable to nobody else');
  await expect(listen('nobody-of-this-name')).rejects.toThrow('EXECUTOR_USER: there is no user nobody-of-this-name');
  await expect(listen()).rejects.toThrow('ROOT_SOCKET: another executor is listening');
});

test('a verb of the list is answered, one that is not is refused by name, and the connection stays', async () => {
  const { say, said } = await client();

  const verbs = ['exec', 'toString', '__proto__', 'constructor', 'report', 'create-backstore'];
  verbs.forEach((verb, i) => say({ ask: i + 1, verb, body: {} }));
  say(image(9));
  const lines = await said((count) => count > verbs.length);

  expect(lines.map(({ refused, problem, answer }) => [refused ?? answer, problem?.code])).toEqual([
    ...verbs.map((_, i) => [i + 1, 'ROUTE_NOT_FOUND']),
    [9, undefined],
  ]);
  expect(asked).toEqual(['a.img']);
});

test.each([
  ['a path', { file: '../../etc/shadow' }, 'INVALID_IMAGE_FILE'],
  ['no text', { file: 7 }, 'WRONG_TYPE'],
  ['nothing', null, 'WRONG_TYPE'],
])('a body that is %s is refused and reaches nobody', async (_, body, code) => {
  const { say, said } = await client();

  say({ ask: 1, verb: 'inspect-image', body });
  const [line] = await said();

  expect(line).toMatchObject({ refused: 1, problem: { code } });
  expect(asked).toEqual([]);
});

test('a refusal keeps its code and hint, and what went wrong inside is told nobody', async () => {
  const link = new RootLink(path, { report: () => never(), wishes: () => never() }, () => undefined, log);
  for (let left = 100; left > 0; left--, await sleep(20)) if ((await link.ask('ready', {}).catch(() => null)) !== null) break;
  const wish = { wish: aWish() };

  await expect(link.ask('inspect-target', { iqn: wish.wish.iqn })).rejects.toMatchObject({
    code: 'NODE_WEDGED',
    details: { hint: 'It hangs.' },
  });
  const inside: unknown = await link.ask('status', wish).catch((error: unknown) => error);
  expect(inside).toMatchObject({ code: 'INTERNAL' });
  expect(String(inside)).not.toContain('shadow');
  link.close();
});

test.each([
  ['no JSON', 'GET / HTTP/1.1\r\n\r\n'],
  ['no object', '[]\n'],
  ['no question', '{"verb":"apply"}\n'],
  ['a question with more in it', '{"ask":1,"verb":"ready","body":{},"uid":0}\n'],
  ['a request id with a line end in it', '{"ask":1,"verb":"ready","body":{},"request_id":"a\\nb"}\n'],
  ['longer than a line may be', 'x'.repeat(1_100_000)],
  ['a long line with its end', `{"ask":1,"verb":"ready","body":{"a":"${'x'.repeat(1_100_000)}"}}\n`],
  ['deep', `${'['.repeat(500_000)}${']'.repeat(500_000)}\n`],
])('what is %s ends the connection and nothing else', async (_, text) => {
  const first = await client();
  first.say(text);
  await first.ended;
  await sleep(20);

  const next = await client();
  next.say(image(1));

  expect(await next.said()).toMatchObject([{ answer: 1 }]);
  expect(first.lines).toEqual([]);
  expect(asked).toEqual(['a.img']);
});

test('a second client is turned away, and the first goes on', async () => {
  const first = await client();
  const second = await client();
  second.say(image(1, 'second.img'));
  await second.ended;
  first.say(image(2, 'first.img'));

  expect(await first.said()).toMatchObject([{ answer: 2 }]);
  expect(second.lines).toEqual([]);
  expect(asked).toEqual(['first.img']);
});

test('more questions at once than may be at work are refused', async () => {
  const { say, said } = await client();

  for (let ask = 1; ask <= 1_003; ask++) say({ ask, verb: 'apply', body: aWish() });
  const lines = await said((count) => count >= 3);

  expect(lines.slice(0, 3)).toMatchObject([1_001, 1_002, 1_003].map((refused) => ({ refused, problem: { code: 'RATE_LIMITED' } })));
  expect(asked).toHaveLength(1_000);
  release();
});

test('who does not read is taken for gone', async () => {
  const socket = connect(path).on('error', () => undefined);

  for (let ask = 1; ask <= 40; ask++) socket.write(`${JSON.stringify({ ask, verb: 'metrics', body: {} })}\n`);
  for (let left = 200; left > 0 && gone.times === 0; left--) await sleep(10);
  socket.destroy();

  expect(gone.times).toBe(1);
});

test('a client that goes is told of, and the root part asks nobody until the next one says that it is of this node', async () => {
  const first = await believed();
  const waits = root.ask('wishes', { after: null, limit: 1 }, 5_000).catch((error: unknown) => error);
  await first.said();
  first.socket.destroy();

  expect(await waits).toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
  expect(gone.times).toBe(1);
  await expect(root.ask('wishes', { after: null, limit: 1 }, 5_000)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
  const next = await client();
  await expect(root.ask('wishes', { after: null, limit: 1 }, 5_000)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
  next.say({ ask: 1, verb: 'connected', body: { node_id: 'node-1' } });
  await next.said();
  next.lines.length = 0;
  void root.ask('wishes', { after: null, limit: 1 }, 100).catch(() => undefined);
  expect(await next.said()).toMatchObject([{ ask: 1, verb: 'wishes', body: { after: null, limit: 1 } }]);
});

test('an answer that is not as its schema says is an error, not a wish', async () => {
  const { say, said } = await believed();
  const asks = root.ask('wishes', { after: null, limit: 1 }, 5_000);
  const fails = expect(asks).rejects.toThrow();

  await said();
  say({ answer: 1, body: { wishes: [{ ...aWish(), iqn: 'IQN of nobody' }], next: null } });

  await fails;
});

test('a socket that a killed process has left is taken over', async () => {
  const left = join(dir, 'left.sock');
  const dead = createServer().listen(left);
  await once(dead, 'listening');
  const copy = join(dir, 'node', 'left.sock');
  linkSync(left, copy); // the first name goes with its server
  await new Promise((resolve) => dead.close(resolve));

  expect(existsSync(copy)).toBe(true);
  const taken = await listen(undefined, copy);

  expect(statSync(copy).mode & 0o777).toBe(0o600);
  taken.close();
});

const never = (): never => {
  throw new Error('nobody asks for this');
};

const aWish = () => ({
  target_id: reply.target_id,
  generation: 1,
  state: 'present' as const,
  iqn: 'iqn.2025-01.io.spindle:t1',
  initiator_iqn: 'iqn.2025-01.io.spindle:m1',
  lun: 0,
  disk: { disk_id: reply.target_id, image_file: 'a.img', size_bytes: 512, read_only: false },
});

import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { headers } from 'nats';
import { Refused, type ErrorCode } from '#contracts';
import { startNats, type RunningNats } from '#embedded';
import { createLog, newApiToken, newId } from '#runtime';
import { signAccessToken } from '#tokens';
import { TokenExchange, connectBus, type Bus } from './index';

const login = { user: 'spindle', password: 'not-a-secret' };
const dataDir = mkdtempSync(join(tmpdir(), 'token-exchange-'));
const newKeys = () =>
  generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
const ours = newKeys();
const claims = { sub: newId(), username: 'ann', role: 'auditor' as const };

let server: RunningNats;
let bus: Bus;
let asked: (string | undefined)[] = [];
let answer: () => unknown = () => ({});

beforeAll(async () => {
  server = await startNats({ dataDir, ...login, log: () => undefined });
  bus = await connectBus(
    'test',
    { NATS_URL: server.url, NATS_USER: login.user, NATS_PASSWORD: login.password },
    createLog('test', 'silent'),
  );
}, 30_000);
afterAll(async () => {
  await bus.close();
  await server.stop();
  rmSync(dataDir, { recursive: true });
});
beforeEach(() => {
  asked = [];
  answer = () => ({ access_token: signAccessToken(claims, ours.privateKey), token_type: 'Bearer', expires_in: 900 });
});
afterEach(() => jest.restoreAllMocks());

const newExchange = () => new TokenExchange(() => bus, ours.publicKey);
const bearer = () => `Bearer ${newApiToken(newId()).text}`;
const whoAsks = (exchange: TokenExchange, authorization: string) =>
  exchange.whoAsks({ authorization, requestId: 'r-1', source: 'nats' }).then(
    ({ username }) => username,
    (error: unknown) => (error as Refused).code,
  );

it('nobody is let in with an API token while nobody exchanges it', async () => {
  expect(await whoAsks(newExchange(), bearer())).toBe('SERVICE_UNAVAILABLE');
});

describe('with somebody who exchanges', () => {
  beforeAll(async () => {
    bus.nats.subscribe('auth.exchange', {
      callback: (_error, message) => {
        asked.push(message.headers?.get('Authorization'));
        const said = answer();
        if (!(said instanceof Refused)) return message.respond(JSON.stringify(said));
        const problem = headers();
        problem.set('Nats-Service-Error-Code', String(said.status));
        return message.respond(JSON.stringify(said.toProblem('r-1')), { headers: problem });
      },
    });
    await bus.nats.flush();
  });

  it('an API token is exchanged once in half a minute', async () => {
    const exchange = newExchange();
    const token = bearer();

    for (let i = 0; i < 3; i++) expect(await whoAsks(exchange, token)).toBe('ann');
    expect(asked).toEqual([token]);

    const now = Date.now();
    jest.spyOn(Date, 'now').mockImplementation(() => now + 30_000);
    await whoAsks(exchange, token);
    expect(asked).toHaveLength(2);
  });

  it('a revoked one is refused within half a minute of its last use, and each time', async () => {
    const exchange = newExchange();
    const token = bearer();
    await whoAsks(exchange, token);
    answer = () => new Refused('TOKEN_REVOKED');
    const now = Date.now();
    jest.spyOn(Date, 'now').mockImplementation(() => now + 30_000);

    for (let i = 0; i < 2; i++) expect(await whoAsks(exchange, token)).toBe('TOKEN_REVOKED');
    expect(asked).toHaveLength(3);
  });

  it('one token says nothing about another', async () => {
    const exchange = newExchange();
    await whoAsks(exchange, bearer());

    answer = () => new Refused('TOKEN_INVALID');

    expect(await whoAsks(exchange, bearer())).toBe('TOKEN_INVALID');
  });

  it.each<[string, () => unknown, ErrorCode]>([
    [
      'a token that another key signed',
      () => ({ access_token: signAccessToken(claims, newKeys().privateKey), token_type: 'Bearer', expires_in: 900 }),
      'TOKEN_INVALID',
    ],
    [
      'a token whose time is over',
      () => ({ access_token: signAccessToken(claims, ours.privateKey, -61), token_type: 'Bearer', expires_in: 900 }),
      'TOKEN_EXPIRED',
    ],
    ['no token', () => ({}), 'INTERNAL'],
  ])('whoever answers is not believed with %s', async (_what, said, code) => {
    answer = said;

    expect(await whoAsks(newExchange(), bearer())).toBe(code);
  });

  it('a signed token is verified here, and nobody is asked', async () => {
    expect(await whoAsks(newExchange(), `Bearer ${signAccessToken(claims, ours.privateKey)}`)).toBe('ann');
    expect(await whoAsks(newExchange(), 'Bearer spt_x')).toBe('TOKEN_INVALID');
    expect(asked).toEqual([]);
  });
});

import { gzipSync } from 'node:zlib';
import { REQUESTS, type RequestContract } from '#contracts';
import { natsBytes, type RawAnswer } from './raw-doors';
import type { Attempt, Doors } from './hostile-requests';

/** Of `nats.conf`: what is longer, the server itself answers by closing the connection. Bytes. */
const MAX_PAYLOAD = 2 ** 20;
const MAX_BODY = 65_536;
const MACHINE = '"name":"bomb","mac_address":"52:54:00:00:00:66"';

interface Bomb {
  name: string;
  body: Buffer;
  refusals: string[];
  subject?: string;
  headers?: Record<string, string>;
  /** Without Content-Length, in pieces. */
  chunked?: boolean;
  only?: 'http';
}

const bomb = (name: string, body: string | Buffer, refusals: string[], more: Partial<Bomb> = {}): Bomb => {
  const bytes = Buffer.from(body as string);
  return { name, body: bytes, refusals: bytes.length > MAX_BODY ? ['PAYLOAD_TOO_LARGE'] : refusals, ...more };
};
const notJson = (name: string, body: string | Buffer, more?: Partial<Bomb>) => bomb(name, body, ['INVALID_JSON'], more);
const bytes = (...parts: (string | number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))));
const keys = (count: number): string => `{${MACHINE},${Array.from({ length: count }, (_, at) => `"k${at}":0`).join(',')}}`;
const nested = (open: string, close: string, depth: number): string => `{${MACHINE},"x":${open.repeat(depth)}0${close.repeat(depth)}}`;
const number = (text: string): Bomb =>
  bomb(`number ${text.slice(0, 12)}`, `{"name":"a","file":"a.img","read_only":${text}}`, ['WRONG_TYPE'], { subject: 'images.create' });

export const BOMBS: Bomb[] = [
  bomb('10 MB in a name', `{"name":"${'a'.repeat(10_000_000)}"}`, []),
  bomb('10 MB in pieces', `{"name":"${'a'.repeat(10_000_000)}"}`, [], { chunked: true, only: 'http' }),
  bomb('10 MB of nothing', Buffer.alloc(10_000_000), []),
  bomb('1,000,000 keys', keys(1_000_000), []),
  bomb('900 KB in a name', `{"name":"${'a'.repeat(900_000)}"}`, []),
  bomb('one byte too much', `{${MACHINE}}`.padEnd(MAX_BODY + 1), []),
  bomb('5,000 keys', keys(5_000), ['UNKNOWN_FIELD']),
  notJson('lists 100,000 deep', nested('[', ']', 100_000)),
  notJson('objects 100,000 deep', nested('{"a":', '}', 100_000)),
  notJson('lists 30,000 deep', nested('[', ']', 30_000)),
  notJson('objects 10,000 deep', nested('{"a":', '}', 10_000)),
  notJson('60,000 opened and none closed', '['.repeat(60_000)),
  notJson('prototype keys 10,000 deep', nested('{"__proto__":', '}', 4_000)),
  bomb('prototype keys 20 deep', nested('{"__proto__":', '}', 20), ['UNKNOWN_FIELD']),
  bomb('fields of the prototype', `{"__proto__":{${MACHINE}}}`, ['VALIDATION_FAILED']),
  bomb('constructor.prototype', `{${MACHINE},"constructor":{"prototype":{"role":"admin"}}}`, ['UNKNOWN_FIELD']),
  ...['1e400', '-1e400', '1e-400', '-0', '9007199254740993', '9'.repeat(60_000), `0.${'9'.repeat(60_000)}`].map(number),
  ...['0x10', 'NaN', 'Infinity', '01', '+1', '1.', '.5'].map((text) => ({ ...number(text), refusals: ['INVALID_JSON'] })),
  notJson('a key twice', `{${MACHINE},"name":"other"}`),
  notJson('a key twice, once in escapes', `{${MACHINE},"n\\u0061me":"other"}`),
  notJson('a key twice, far apart', `{"name":"a",${keys(3_000).slice(1, -1)}}`),
  notJson('a key twice, deeper', `{${MACHINE},"x":[{"a":1,"b":[{}],"a":2}]}`),
  notJson('__proto__ twice', `{${MACHINE},"__proto__":1,"__proto__":2}`),
  notJson('byte FF', bytes(`{${MACHINE},"x":"`, [0xff], '"}')),
  notJson('overlong NUL', bytes(`{${MACHINE},"x":"`, [0xc0, 0x80], '"}')),
  notJson('overlong slash', bytes(`{${MACHINE},"x":"`, [0xe0, 0x80, 0xaf], '"}')),
  notJson('surrogate in UTF-8', bytes(`{${MACHINE},"x":"`, [0xed, 0xa0, 0x80], '"}')),
  notJson('beyond Unicode', bytes(`{${MACHINE},"x":"`, [0xf4, 0x90, 0x80, 0x80], '"}')),
  notJson('cut off in a character', bytes(`{${MACHINE},"x":"`, [0xe2, 0x82])),
  notJson('UTF-16', Buffer.from(`{${MACHINE}}`, 'utf16le')),
  notJson('newline in a string', `{${MACHINE},"x":"\n"}`),
  notJson('text behind', `{${MACHINE}} {}`),
  notJson('comment', `{${MACHINE}}/**/`),
  notJson('single quotes', `{'name':'a'}`),
  notJson('list', `[{${MACHINE}}]`),
  notJson('null', 'null'),
  notJson('text', '"name"'),
  notJson('NUL', '\0'),
  bomb('an IQN without end', `{${MACHINE},"initiator_iqn":"iqn.2025-01.${'a.'.repeat(30_000)}!"}`, ['INVALID_IQN']),
  bomb('a time without end', `{"machine_id":"x","started_at":"2026-01-01T00:00:00.${'0'.repeat(60_000)}!"}`, ['VALIDATION_FAILED'], {
    subject: 'sessions.create',
  }),
  bomb('compressed', gzipSync(`{${MACHINE}}`), ['UNSUPPORTED_MEDIA_TYPE'], { headers: { 'content-encoding': 'gzip' }, only: 'http' }),
  bomb('UTF-7', `{${MACHINE}}`, ['UNSUPPORTED_MEDIA_TYPE'], {
    headers: { 'content-type': 'application/json; charset=utf-7' },
    only: 'http',
  }),
  bomb('a form', `name=bomb`, ['UNSUPPORTED_MEDIA_TYPE'], {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    only: 'http',
  }),
];

/** Every bomb at both doors. */
export const bombAttempts = (): Attempt[] =>
  BOMBS.flatMap((one) => {
    const contract = (REQUESTS as readonly RequestContract[]).find(({ subject }) => subject === (one.subject ?? 'machines.create'))!;
    const common = { place: 'bomb', name: `bomb: ${one.name}`, contract };
    const doors: Attempt[] = [{ ...common, door: 'http', refusals: one.refusals, send: (at) => overHttp(at, contract, one) }];
    const tooLong = one.body.length > MAX_PAYLOAD;
    if (one.only !== 'http')
      doors.push({ ...common, door: 'nats', refusals: tooLong ? ['CLOSED'] : one.refusals, send: (at) => overNats(at, contract, one) });
    return doors;
  });

const overHttp = ({ http, token }: Doors, contract: RequestContract, { body, headers, chunked }: Bomb): Promise<RawAnswer> =>
  http.send(
    'POST',
    `/api/v1${contract.http.path}`,
    {
      'content-type': 'application/json',
      authorization: `Bearer ${token}`,
      ...(chunked ? {} : { 'content-length': String(body.length) }),
      ...headers,
    },
    chunked ? piecesOf(body) : body,
  );

const overNats = ({ rawNats, token }: Doors, { subject }: RequestContract, { body }: Bomb): Promise<RawAnswer> =>
  natsBytes(rawNats, subject, Buffer.from(`Authorization: Bearer ${token}\r\n`), body);

function* piecesOf(body: Buffer): Iterable<Buffer> {
  for (let at = 0; at < body.length; at += 65_536) yield body.subarray(at, at + 65_536);
}

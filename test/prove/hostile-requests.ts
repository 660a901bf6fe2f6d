import type { NatsConnection } from 'nats';
import { headers as natsHeaders } from 'nats';
import { REQUESTS, exampleOf, type RequestContract } from '#contracts';
import { everyField, withValue } from './hostile-fields';
import { LIES, PROTOTYPE_KEYS } from './hostile-text';
import { natsBytes, type HttpDoor, type RawAnswer } from './raw-doors';

export interface Doors {
  http: HttpDoor;
  nats: NatsConnection;
  rawNats: { port: number; user: string; password: string };
  token: string;
}

/** One hostile request, and what it may be answered with. */
export interface Attempt {
  /** Where the text goes. */
  place: string;
  name: string;
  door: 'http' | 'nats';
  contract: RequestContract;
  refusals: readonly string[];
  /** The field that the refusal must name. */
  field?: string;
  /** Tried in the short profile as well: each lie in each kind of field, at one of the doors. */
  always?: boolean;
  send: (doors: Doors) => Promise<RawAnswer>;
}

const DOORS = ['http', 'nats'] as const;
const LONGEST_ADDRESS = 12_000;
const isLong = (text: string): boolean => text.length > LONGEST_ADDRESS;
const LONE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/** As `encodeURIComponent`, and half a surrogate pair as the bytes that it would have. */
const percent = (text: string): string =>
  text.replace(LONE, '\uffff').split('\uffff').map(encodeURIComponent).join('%ED%A0%80').replaceAll("'", '%27');

const authorized = (contract: RequestContract, { token }: Doors): Record<string, string> =>
  contract.subject === 'auth.login' ? {} : { authorization: `Bearer ${token}` };

/** Where the fields of a request stand on HTTP, said once more and not taken from the gateway. */
const placesOf = ({ http }: RequestContract, input: Record<string, unknown>) => {
  const inPath = [...http.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!);
  const rest = Object.entries(input).filter(([name]) => !inPath.includes(name));
  const path = `/api/v1${http.path.replace(/\{(\w+)\}/g, (_, name: string) => percent(String(input[name])))}`;
  const hasBody = http.method === 'POST' || http.method === 'PATCH';
  const query = hasBody ? '' : rest.map(([name, value]) => `${percent(name)}=${percent(String(value))}`).join('&');
  return { inPath, hasBody, address: query ? `${path}?${query}` : path, body: Object.fromEntries(rest) };
};

export const sendInput =
  (contract: RequestContract, door: Attempt['door'], input: Record<string, unknown>) =>
  async (doors: Doors): Promise<RawAnswer> => {
    const { hasBody, address, body } = placesOf(contract, input);
    const headers = authorized(contract, doors);
    if (door === 'nats') return overNats(doors, contract.subject, Buffer.from(JSON.stringify(input)), headers);
    const json = { ...headers, 'content-type': 'application/json' };
    return doors.http.send(
      contract.http.method,
      address,
      hasBody ? json : headers,
      hasBody ? Buffer.from(JSON.stringify(body)) : undefined,
    );
  };

const overNats = async ({ nats }: Doors, subject: string, body: Buffer, headers: Record<string, string>): Promise<RawAnswer> => {
  const sent = natsHeaders();
  if (headers['authorization']) sent.set('Authorization', headers['authorization']);
  const answer = await nats.request(subject, body, { timeout: 20_000, headers: sent });
  const read = Object.fromEntries((answer.headers?.keys() ?? []).map((key) => [key.toLowerCase(), answer.headers!.get(key)]));
  return { status: Number(read['nats-service-error-code'] ?? 200), headers: read, text: answer.string() };
};

const lied = (place: string, refusals: readonly string[], address: string, inAddress: boolean): readonly string[] =>
  !inAddress ? refusals : isLong(address) ? ['HEADERS_TOO_LARGE'] : place === 'path' ? [...refusals, 'ROUTE_NOT_FOUND'] : refusals;

/** Every field of every request x every lie x both doors. */
export const liesAsValues = (adminPassword: string): Attempt[] => {
  const kinds = new Set<string>();
  return everyField(adminPassword).flatMap(({ contract, path, valid, base, refusals }) => {
    const isFirst = !kinds.has(path.at(-1)!);
    kinds.add(path.at(-1)!);
    return LIES.flatMap(({ name, of }, nth) => {
      const input = withValue(base, path, of(String(valid)));
      return DOORS.map((door): Attempt => {
        const { inPath, hasBody, address } = placesOf(contract, input);
        const place = door === 'nats' ? 'message' : inPath.includes(path[0]!) ? 'path' : hasBody ? 'body' : 'query';
        return {
          place: `value in the ${place}`,
          name: `${contract.subject} ${path.join('.')}: ${name}`,
          door,
          contract,
          refusals: lied(place, refusals, address, place === 'path' || place === 'query'),
          field: path.join('.'),
          always: isFirst && door === DOORS[nth % 2],
          send: sendInput(contract, door, input),
        };
      });
    });
  });
};

/** Fields that no request has, named by lies and after what every object has, at each level. */
export const liesAsNames = (): Attempt[] =>
  (REQUESTS as readonly RequestContract[])
    .filter(({ subject }) => subject !== 'auth.exchange') // takes no field at all, and another token
    .flatMap((contract) => {
      const { input } = exampleOf(contract.subject);
      const levels = contract.subject.match(/^targets\.(create|rotate-chap)$/) ? [[], ['chap']] : [[]];
      const names = [...LIES.map(({ name, of }) => ({ name, key: of('name') })), ...PROTOTYPE_KEYS.map((key) => ({ name: key, key }))];
      return levels.flatMap((level) =>
        names.flatMap(({ name, key }) => {
          const hostile = withValue(input, [...level, key], 1);
          return DOORS.map((door): Attempt => {
            const { hasBody, address } = placesOf(contract, hostile);
            const inAddress = door === 'http' && !hasBody;
            return {
              place: 'name of a field',
              name: `${contract.subject} ${[...level, 'a field'].join('.')} named by ${name}`,
              door,
              contract,
              refusals: lied('query', ['UNKNOWN_FIELD', 'VALIDATION_FAILED'], address, inAddress),
              send: sendInput(contract, door, hostile),
            };
          });
        }),
      );
    });

const HEADERS = {
  http: ['Authorization', 'X-Request-Id', 'Idempotency-Key', 'Prefer', 'Content-Type', 'X-Forwarded-For', 'Accept'],
  nats: ['Authorization', 'X-Request-Id', 'Idempotency-Key', 'Prefer', 'Spindle-Source', 'Nats-Msg-Id'],
};
const OF_HEADERS = [
  'TARGET_NOT_FOUND',
  'UNAUTHENTICATED',
  'TOKEN_INVALID',
  'INVALID_IDEMPOTENCY_KEY',
  'MALFORMED_REQUEST',
  'HEADERS_TOO_LARGE',
];

/** A command that is refused in any case, with a header that lies; as bytes, since a client library would mend or refuse them. */
export const liesInHeaders = (): Attempt[] => {
  const contract = (REQUESTS as readonly RequestContract[]).find(({ subject }) => subject === 'targets.delete')!;
  const { input } = exampleOf('targets.delete');
  let count = 0; // a key of a command must not be that of another that still runs
  const linesOf = (header: string, lie: (valid: string) => string, { token }: Doors): Buffer => {
    const value = lie(header === 'Authorization' ? `Bearer ${token}` : `a-value-${count++}`);
    const login = header === 'Authorization' ? '' : `Authorization: Bearer ${token}\r\n`;
    return Buffer.from(`${login}${header}: ${value}\r\n`);
  };
  return DOORS.flatMap((door) =>
    HEADERS[door].flatMap((header) =>
      LIES.map(({ name, of }): Attempt => ({
        place: 'header',
        name: `${header}: ${name}`,
        door,
        contract,
        refusals: OF_HEADERS,
        send: (doors) =>
          door === 'nats'
            ? natsBytes(doors.rawNats, contract.subject, linesOf(header, of, doors), Buffer.from(JSON.stringify(input)))
            : doors.http.sendBytes(
                Buffer.concat([
                  Buffer.from(`DELETE ${placesOf(contract, input).address} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n`),
                  linesOf(header, of, doors),
                  Buffer.from('\r\n'),
                ]),
              ),
      })),
    ),
  );
};

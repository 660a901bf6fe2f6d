import { Client } from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, faultsOf } from './door-answers';
import { DoorWatch, readLogs } from './door-watch';
import { liesAsNames, liesAsValues, liesInHeaders, type Attempt, type Doors } from './hostile-requests';
import { RAW } from './hostile-text';
import { bombAttempts } from './json-bombs';
import type { Finding, Profile, Proof } from './proof';
import { HttpDoor } from './raw-doors';
import { startWorld, type World } from './role-world';
import { tableSums } from './table-sums';

/** `oneOf`: how many hostile requests there are for each one that is sent, besides those that always are. */
const SIZES = { short: { oneOf: 40, rounds: 5 }, long: { oneOf: 1, rounds: 60 } };
const AT_ONCE = 16;
/** targets-service hashes eight passwords at once and refuses more. */
const LOGINS_AT_ONCE = 4;
const BOMBS_AT_ONCE = 4;
/** What a busy machine of two cores may make an event loop wait. Milliseconds. */
const LONGEST_LOOK_MS = 2_000;
/** More than V8 and the allocator move by themselves; had each bomb left its 64 KiB somewhere, ten rounds would be above it. MB. */
const MOST_GROWTH_MB = 24;

/** Nobody is kept out for guessing, since the refusals themselves are counted; and with a small heap V8 collects before it takes more. */
const SETTINGS = { LOGIN_FAILURES: '1000', ANONYMOUS_REFUSALS_PER_MINUTE: '10000', NODE_OPTIONS: '--max-old-space-size=64' };
/** Refused before it is known who asks, so that there is nobody to write down: in the log and the metrics alone. */
const UNREAD = /^(INVALID_JSON|PAYLOAD_TOO_LARGE|UNSUPPORTED_MEDIA_TYPE|ROUTE_NOT_FOUND|MALFORMED_REQUEST|HEADERS_TOO_LARGE|CLOSED)$/;

interface Tally {
  sent: Record<string, Record<string, number>>;
  codes: Record<string, number>;
  /** Refusals of commands by services, `action code`: each must stand in the audit trail once. */
  recorded: Map<string, number>;
  faults: string[];
}

const run = async (profile: Profile, say: (line: string) => void): Promise<Finding> => {
  const { oneOf, rounds } = SIZES[profile];
  const world = await startWorld(SETTINGS, 'debug');
  const sql = new Client({ connectionString: world.postgres.superuserUrl.replace(/\/postgres$/, '/spindle') });
  const watch = new DoorWatch(world);
  const tally: Tally = { sent: {}, codes: {}, recorded: new Map(), faults: [] };
  try {
    await sql.connect();
    const doors = await openDoors(world);
    const { adminPassword } = world.credentials;
    const all = [...liesAsValues(adminPassword), ...liesAsNames(), ...liesInHeaders()];
    const chosen = all.filter(({ always }, at) => always || at % oneOf === Math.floor(at / oneOf) % oneOf);
    const bombs = bombAttempts();
    const before = await tableSums(sql, NOT_OURS);
    const since = await lastPosition(sql);
    watch.start();
    say(`${chosen.length} of ${all.length} hostile requests, then ${rounds} rounds of ${bombs.length} bombs`);
    const isLogin = ({ contract }: Attempt) => contract.subject === 'auth.login';
    await tryAll(doors, tally, watch, chosen.filter(isLogin), LOGINS_AT_ONCE);
    await tryAll(
      doors,
      tally,
      watch,
      chosen.filter((attempt) => !isLogin(attempt)),
      AT_ONCE,
    );
    for (let round = 1; round <= rounds; round++) {
      await tryAll(doors, tally, watch, bombs, BOMBS_AT_ONCE);
      if (watch.ended().length === 0) watch.measure();
    }
    await watch.stop();
    tally.faults.push(...watch.ended());
    await untilRecorded(sql);
    const after = await tableSums(sql, NOT_OURS);
    tally.faults.push(...before.filter((line, at) => line !== after[at]).map((line) => `changed: ${line}`));
    tally.faults.push(...(await trailFaults(sql, since, tally)));
    doors.http.close();
    return findingOf(tally, watch, readLogs(world.logs), before.length);
  } finally {
    await watch.stop();
    await sql.end();
    await world.stop();
  }
};

/** Of the outbox: what the refusals themselves write into it is counted elsewhere. */
const NOT_OURS = `subject NOT LIKE 'audit-intent.%'`;

const openDoors = async (world: World): Promise<Doors> => {
  const { credentials, bus, nats, services } = world;
  const login = await world.ask('auth.login', { username: 'admin', password: credentials.adminPassword }, undefined);
  const token = String(login.body['access_token']);
  const machine = await world.ask('machines.create', { name: 'was-there', mac_address: '52:54:00:00:00:01' }, `Bearer ${token}`);
  if (machine.status !== 200) throw new Error(`the proof could not be prepared: ${machine.status} ${String(machine.body['code'])}`);
  const rawNats = { port: nats.port, user: credentials.natsUser, password: credentials.natsPassword };
  return { http: new HttpDoor(Number(new URL(services.gateway.url).port)), nats: bus, rawNats, token };
};

/** Nothing more once a service has ended: each further request would only wait for its limit. */
const tryAll = async (doors: Doors, tally: Tally, watch: DoorWatch, attempts: Attempt[], atOnce: number): Promise<void> => {
  const waiting = attempts.values();
  const lane = async () => {
    for (const attempt of waiting) if (watch.ended().length === 0) await tryOne(doors, tally, attempt);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
};

const tryOne = async (doors: Doors, tally: Tally, attempt: Attempt): Promise<void> => {
  const answer = await attempt.send(doors).catch((error: unknown) => ({ status: -1, headers: {}, text: String(error) }));
  const code = codeOf(answer);
  const { place, door, contract } = attempt;
  (tally.sent[place] ??= { http: 0, nats: 0 })[door]!++;
  tally.codes[code] = (tally.codes[code] ?? 0) + 1;
  if (contract.kind === 'command' && answer.status < 500 && !UNREAD.test(code)) {
    const key = `${contract.subject} ${code}`;
    tally.recorded.set(key, (tally.recorded.get(key) ?? 0) + 1);
  }
  tally.faults.push(...faultsOf(attempt, answer).map((fault) => `${attempt.name}, ${door}: ${fault}`));
};

const lastPosition = async (sql: Client): Promise<string> =>
  (await sql.query<{ last: string }>('SELECT coalesce(max(position), 0) AS last FROM targets.outbox')).rows[0]!.last;

/** Until everything that waits in the outbox stands in the trail. */
const untilRecorded = async (sql: Client): Promise<void> => {
  const text = `SELECT count(*) AS n FROM targets.outbox o WHERE subject LIKE 'audit-intent.%'
    AND NOT EXISTS (SELECT FROM audit.entries e WHERE e.id = (o.body->>'id')::uuid)`;
  for (const until = Date.now() + 20_000; Date.now() < until; await sleep(200))
    if ((await sql.query<{ n: string }>(text)).rows[0]!.n === '0') return;
};

/** One entry for each refusal, and no text of it. */
const trailFaults = async (sql: Client, since: string, { recorded }: Tally): Promise<string[]> => {
  const text = `SELECT concat(entry.action, ' ', entry.code) AS key, to_jsonb(entry)::text AS shown FROM audit.entries AS entry
    WHERE id IN (SELECT (body->>'id')::uuid FROM targets.outbox WHERE position > $1 AND subject LIKE 'audit-intent.%')`;
  const { rows } = await sql.query<{ key: string; shown: string }>(text, [since]);
  const found = new Map<string, number>();
  for (const { key } of rows) found.set(key, (found.get(key) ?? 0) + 1);
  const keys = [...new Set([...recorded.keys(), ...found.keys()])];
  return [
    ...keys
      .filter((key) => recorded.get(key) !== found.get(key))
      .map((key) => `the trail has ${found.get(key) ?? 0} entries of ${recorded.get(key) ?? 0} refusals: ${key}`),
    ...rows.filter(({ shown }) => RAW.test(shown)).map(({ shown }) => `the trail says a hostile text as it is: ${JSON.stringify(shown)}`),
  ];
};

const findingOf = (tally: Tally, watch: DoorWatch, logs: { lines: number; faults: string[] }, tables: number): Finding => {
  const growth = watch.growth();
  const faults = [
    ...tally.faults,
    ...logs.faults,
    ...Object.entries(growth).flatMap(([name, more]) => (more > MOST_GROWTH_MB ? [`${name} grew by ${more} MB`] : [])),
    ...(watch.unanswered > 0 ? [`/healthz was not answered ${watch.unanswered} times`] : []),
    ...(watch.slowestMs > LONGEST_LOOK_MS ? [`/healthz was answered after ${watch.slowestMs} ms`] : []),
  ];
  const sent = Object.values(tally.sent).reduce((sum, { http, nats }) => sum + http! + nats!, 0);
  const recorded = [...tally.recorded.values()].reduce((sum, count) => sum + count, 0);
  const inWords = (values: Record<string, number>) => Object.entries(values).map(([name, value]) => `${name} ${value}`);
  return {
    holds: faults.length === 0,
    summary:
      `${sent.toLocaleString('en')} hostile requests at two doors, ${faults.length} faults; ${recorded} refusals recorded once each; ${tables} tables as before; ` +
      `/healthz answered within ${watch.slowestMs} ms; memory grew by ${inWords(growth).join(', ')} MB`,
    details: [
      '| where the text goes | HTTP | NATS |',
      '| --- | --: | --: |',
      ...Object.entries(tally.sent).map(([place, { http, nats }]) => `| ${place} | ${http} | ${nats} |`),
      '',
      `Answers: ${inWords(tally.codes).sort().join(', ')}.`,
      `${logs.lines.toLocaleString('en')} lines of logs at level debug, each one JSON object. ${watch.looks} looks at /healthz.`,
      `Memory (RSS, MB), first to last round: ${Object.entries(watch.memory)
        .map(([name, values]) => `${name} ${values.map(Math.round).join(' ')}`)
        .join('; ')}.`,
      '',
      ...grouped(faults),
    ].join('\n'),
  };
};

/** One line for each kind of fault, with how often and where first. */
const grouped = (faults: string[]): string[] => {
  const kinds = new Map<string, string[]>();
  for (const fault of faults) {
    const kind = fault
      .slice(fault.indexOf(': ') + 1)
      .replace(/\d+/g, 'N')
      .slice(0, 60);
    kinds.set(kind, [...(kinds.get(kind) ?? []), fault]);
  }
  return [...kinds.values()].slice(0, 60).map((same) => `- ${same.length} x ${same[0]}`);
};

export const proveDoors: Proof = { name: 'doors', title: 'Hostile text at both doors changes nothing and stops nothing', run };

import type { JetStreamClient } from 'nats';
import type { Client } from 'pg';
import { newId } from '#runtime';
import { cpuOf, cpuRows } from './cpu';
import { one, type Row } from './row';
import type { World } from './world';

/** Pairs of create and delete that share their transactions, as many clients' do. */
const PAIRS = 16;
const CHANGES = 4 * PAIRS;
const LANES = 4;
/** In a stream that is kept as all are, and from which nobody takes anything. */
const SUBJECT = 'dead-letter.bench';
const WRITER = 'audit';

/** Tables as the services have them, with what commands have left in the real ones to copy from. Ids are the database's. */
const TABLES = `
  CREATE SCHEMA floor;
  CREATE TABLE floor.targets (LIKE targets.targets INCLUDING ALL);
  CREATE TABLE floor.outbox (LIKE targets.outbox INCLUDING ALL);
  CREATE TABLE floor.outbox_waiting (LIKE targets.outbox_waiting INCLUDING ALL);
  CREATE TABLE floor.entries (LIKE audit.entries INCLUDING ALL);
  CREATE TABLE floor.nodes (LIKE audit.nodes INCLUDING ALL);
  CREATE SEQUENCE floor.place;
  ALTER TABLE floor.targets ALTER id SET DEFAULT gen_random_uuid(), ALTER iqn SET DEFAULT gen_random_uuid(), ALTER machine_id SET DEFAULT gen_random_uuid();
  ALTER TABLE floor.outbox ALTER message_id SET DEFAULT gen_random_uuid();
  ALTER TABLE floor.entries ALTER id SET DEFAULT gen_random_uuid(), ALTER seq SET DEFAULT nextval('floor.place');
  CREATE TABLE floor.target AS SELECT * FROM targets.targets ORDER BY id DESC LIMIT ${PAIRS};
  CREATE TABLE floor.said AS
    (SELECT subject, request_id, body FROM targets.outbox WHERE subject LIKE 'target.%' ORDER BY position DESC LIMIT ${PAIRS})
    UNION ALL (SELECT subject, request_id, body FROM targets.outbox WHERE subject LIKE 'audit-intent.target%' ORDER BY position DESC LIMIT ${PAIRS});
  CREATE TABLE floor.entry AS SELECT * FROM audit.entries WHERE resource_type = 'target' ORDER BY seq DESC LIMIT ${CHANGES};`;

const columnsOf = async (sql: Client, table: string, without: string[]): Promise<string> => {
  const { rows } = await sql.query<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped`,
    [table],
  );
  return rows.flatMap(({ name }) => (without.includes(name) ? [] : [`"${name}"`])).join(', ');
};

/** An event and an intent for each target that changes. */
const SAID = `said AS (INSERT INTO floor.outbox (subject, request_id, body) SELECT * FROM floor.said RETURNING position),
  waiting AS (INSERT INTO floor.outbox_waiting (position) SELECT position FROM said)`;
/** Behind the insert of one that is PENDING. */
const MOVES = [
  `status = 'ACTIVE', operation = NULL, next_attempt_at = NULL`,
  `status = 'PENDING', operation = 'delete', next_attempt_at = now()`,
  `status = 'INACTIVE', operation = NULL, next_attempt_at = NULL, deleted_at = now()`,
];

const statementsOf = async (sql: Client) => {
  const targets = await columnsOf(sql, 'targets.targets', [
    'id',
    'iqn',
    'machine_id',
    'status',
    'operation',
    'next_attempt_at',
    'deleted_at',
  ]);
  const entries = await columnsOf(sql, 'audit.entries', ['id', 'seq']);
  const move = (to: string) => `WITH moved AS (UPDATE floor.targets SET version = version + 1, ${to} WHERE id = ANY($1)), ${SAID}
    SELECT array_agg(position) AS positions FROM said`;
  return {
    add: `WITH added AS (INSERT INTO floor.targets (status, operation, next_attempt_at, ${targets})
        SELECT 'PENDING', 'create', now(), ${targets} FROM floor.target RETURNING id), ${SAID}
      SELECT (SELECT array_agg(id) FROM added) AS ids, array_agg(position) AS positions FROM said`,
    moves: MOVES.map(move),
    publish: `DELETE FROM floor.outbox_waiting WHERE position = ANY($1)`,
    // of the hashes, one for each entry and one for each pair, and so on: as many again
    append: `WITH placed AS (INSERT INTO floor.entries (${entries}) SELECT ${entries} FROM floor.entry RETURNING seq)
      INSERT INTO floor.nodes SELECT level, seq, decode(repeat('00', 32), 'hex') FROM placed, generate_series(0, 1) level`,
  };
};

/** Each change with one statement, so with one commit; then what the outbox, the stream and the trail have to do with it. */
const lane = async (sql: Client, stream: JetStreamClient, body: string, until: number): Promise<number> => {
  const { add, moves, publish, append } = await statementsOf(sql);
  const run = async <T extends object>(name: string, text: string, values: unknown[] = []) =>
    (await sql.query<T>({ name, text, values })).rows[0]!;
  let commands = 0;
  for (; performance.now() < until; commands += 2 * PAIRS) {
    const { ids, positions } = await run<{ ids: string[]; positions: string[] }>('add', add);
    for (const [at, move] of moves.entries()) positions.push(...(await run<{ positions: string[] }>(`move-${at}`, move, [ids])).positions);
    const messages = Array.from({ length: CHANGES }, () => stream.publish(SUBJECT, body, { msgID: newId() }));
    const intents = stream.publish(SUBJECT, `[${Array.from({ length: CHANGES }, () => body).join()}]`, { msgID: newId() });
    await Promise.all([...messages, intents]);
    await sql.query({ name: 'publish', text: publish, values: [positions] });
    await sql.query({ name: 'append', text: append });
  }
  return commands;
};

/**
 * What commands leave behind, and nothing else: rows in the same tables with the same indexes, in as few transactions as many clients share,
 * and stored messages. Nobody asks, checks, decides, reads or answers, and no storage node is told: no way of doing a command that leaves
 * the same can cost less.
 */
export const commandFloor = async (world: World, ms: number): Promise<Row[]> => {
  const bus = await world.busAs(WRITER);
  await world.sql.query(TABLES);
  const { rows } = await world.sql.query<{ body: unknown }>('SELECT body FROM floor.said LIMIT 1');
  const clients = await Promise.all(Array.from({ length: LANES }, () => world.client('spindle')));
  const before = cpuOf(world);
  const since = performance.now();
  const body = JSON.stringify(rows[0]!.body);
  const done = await Promise.all(clients.map((client) => lane(client, bus.jetstream(), body, since + ms)));
  const commands = done.reduce((sum, some) => sum + some, 0);
  const perSecond = commands / ((performance.now() - since) / 1_000);
  const cpu = cpuRows('rows and messages of a command alone', before, cpuOf(world), commands);
  await Promise.all(clients.map((client) => client.end()));
  await world.sql.query('DROP SCHEMA floor CASCADE');
  await bus.close();
  // the services only wait meanwhile
  return [
    one('rows and messages of commands alone', perSecond, 'commands/s'),
    ...cpu.filter(({ name }) => !/-service$|gateway$/.test(name)),
  ];
};

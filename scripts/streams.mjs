// `npm run streams -- dead-letters | replay SEQUENCE… | republish --since TIME`: what could not be handled, and filling streams again.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { connect, headers, nkeyAuthenticator } from 'nats';
import pg from 'pg';

const usage = `npm run streams -- dead-letters               list what no consumer could handle
npm run streams -- replay SEQUENCE …          publish dead letters again where they came from, and take them off the list
npm run streams -- republish --since TIME     publish all events and audit intents since TIME again (RFC 3339)
  --data-dir DIR   where endpoints.json is (.spindle); or NATS_URL, NATS_NKEY_SEED_FILE (of the admin) and DATABASE_URL`;

const STREAM = 'SPINDLE_DEAD_LETTERS';
const PREFIX = /^dead-letter\.[^.]+\./;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { 'data-dir': { type: 'string', default: '.spindle' }, since: { type: 'string' } },
});
const [verb, ...words] = positionals;
const places = readPlaces();

if (verb === 'dead-letters') await withNats(list);
else if (verb === 'replay' && words.length > 0) await withNats((bus, manager) => replay(bus, manager, words.map(Number)));
else if (verb === 'republish' && !Number.isNaN(Date.parse(values.since ?? ''))) await republish(new Date(values.since));
else fail(usage);

function readPlaces() {
  const { NATS_URL, NATS_NKEY_SEED_FILE, NATS_USER, NATS_PASSWORD, DATABASE_URL } = process.env;
  if (NATS_URL) return { servers: NATS_URL, seedFile: NATS_NKEY_SEED_FILE, user: NATS_USER, pass: NATS_PASSWORD, database: DATABASE_URL };
  const file = join(values['data-dir'], 'endpoints.json');
  try {
    const found = JSON.parse(readFileSync(file, 'utf8'));
    return { servers: found.nats_url, seedFile: join(values['data-dir'], 'secrets/bus/admin.seed'), database: found.database_url };
  } catch {
    return fail(`cannot read ${file}, and NATS_URL is not set`);
  }
}

async function withNats(work) {
  const { servers, seedFile, user, pass } = places;
  const proof = seedFile ? { authenticator: nkeyAuthenticator(Buffer.from(readFileSync(seedFile, 'utf8').trim())) } : { user, pass };
  const bus = await connect({ servers, ...proof, inboxPrefix: '_INBOX_admin', timeout: 3000 }).catch((error) =>
    fail(`cannot connect to NATS: ${error.message}`),
  );
  await work(bus, await bus.jetstreamManager());
  await bus.close();
}

async function list(_bus, manager) {
  const { state } = await manager.streams.info(STREAM);
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const letter = await manager.streams.getMessage(STREAM, { seq }).catch(() => undefined);
    if (!letter) continue;
    const reason = letter.header.get('Spindle-Reason');
    console.log(`${seq} ${letter.time.toISOString()} ${letter.subject.replace(PREFIX, '')} ${reason} ${letter.string().slice(0, 200)}`);
  }
}

/** The id is that of the original with the letter's number: the stream would take the old one for a copy. */
async function replay(bus, manager, sequences) {
  for (const seq of sequences) {
    const letter = await manager.streams.getMessage(STREAM, { seq }).catch(() => fail(`there is no dead letter ${seq}`));
    const sent = headers();
    sent.set('Content-Type', 'application/json');
    await bus.jetstream().publish(letter.subject.replace(PREFIX, ''), letter.data, { headers: sent, msgID: `replay-${seq}-${Date.now()}` });
    await manager.streams.deleteMessage(STREAM, seq);
    console.log(`${seq} published again`);
  }
}

async function republish(since) {
  const client = new pg.Client({ connectionString: places.database ?? fail('DATABASE_URL is not set') });
  await client.connect();
  const { rowCount } = await client.query(
    'INSERT INTO targets.outbox_waiting (position) SELECT position FROM targets.outbox WHERE created_at >= $1 ON CONFLICT DO NOTHING',
    [since],
  );
  console.log(`${rowCount} messages will be published again; consumers know by their ids what they have had`);
  await client.end();
}

function fail(text) {
  console.error(text);
  process.exit(2);
}

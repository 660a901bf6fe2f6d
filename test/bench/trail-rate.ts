import { setTimeout as sleep } from 'node:timers/promises';
import { one, percentiles, type Row } from './row';
import type { World } from './world';

const SEARCHES = 100;

/** As many machines and people as a site of some size has. */
const INTENTS = `
  INSERT INTO targets.outbox (message_id, subject, request_id, body)
  SELECT id, 'audit-intent.targets.create', 'bench-' || n, jsonb_build_object('id', id, 'time', to_jsonb(now()), 'actor', 'user-' || n % 50,
    'source', 'nats', 'action', 'targets.create', 'resource', jsonb_build_object('type', 'target', 'id', md5((n / 4)::text)::uuid),
    'outcome', CASE WHEN n % 100 = 0 THEN 'denied' ELSE 'allowed' END, 'code', CASE WHEN n % 100 = 0 THEN 'FORBIDDEN' END,
    'request_id', 'bench-' || n, 'before', NULL, 'after', jsonb_build_object('machine_id', md5((n % 500)::text)::uuid, 'status', 'PENDING'))
  FROM (SELECT gen_random_uuid() AS id, n FROM generate_series($1::int, $2::int) n) AS made`;
const AT_ONCE = 50_000;

const lastSeq = async ({ sql }: World): Promise<number> => {
  const { rows } = await sql.query<{ seq: number }>('SELECT coalesce(max(seq), 0)::int AS seq FROM audit.entries');
  return rows[0]!.seq;
};

/** The way that every intent goes: outbox, stream, trail. */
const append = async (world: World, records: number): Promise<number> => {
  let ms = 0;
  for (let from = 1; from <= records; from += AT_ONCE) {
    const count = Math.min(AT_ONCE, records - from + 1);
    const before = await lastSeq(world);
    await world.sql.query(INTENTS, [from, from + count - 1]);
    const since = performance.now();
    while ((await lastSeq(world)) < before + count) await sleep(20);
    ms += performance.now() - since;
  }
  return records / (ms / 1_000);
};

export const trailRates = async (world: World, records: number): Promise<Row[]> => {
  const perSecond = await append(world, records);
  await world.logIn();
  await world.sql.query('ANALYZE audit.entries');
  const { rows } = await world.sql.query<{ target_id: string }>(
    'SELECT target_id FROM audit.entries WHERE target_id IS NOT NULL AND seq % 97 = 0 LIMIT $1',
    [SEARCHES],
  );
  const search = async (name: string, filterOf: (at: number) => object): Promise<Row[]> => {
    const took: number[] = [];
    for (let at = 0; at < SEARCHES; at++) {
      const since = performance.now();
      await world.ask('audit.search', { limit: 50, ...filterOf(at) });
      took.push(performance.now() - since);
    }
    return percentiles(`search of ${records} entries ${name}`, took);
  };
  return [
    one('entries from the outbox to the trail', perSecond, 'entries/s'),
    ...(await search('without filter', () => ({}))),
    ...(await search('by target', (at) => ({ target_id: rows[at % rows.length]!.target_id }))),
    ...(await search('by actor', (at) => ({ actor: `user-${at % 50}` }))),
    ...(await search('by actor and outcome', (at) => ({ actor: `user-${at % 50}`, outcome: 'denied' }))),
  ];
};

import { Client } from 'pg';
import { AUDIT_INTENT_SUBJECT, AUDIT_STREAM, EVENTS_STREAM, ensureStreams, publishNext, streamState, type Bus } from '#messaging';
import { counter, crashPoint, sleep, type Logger } from '#runtime';
import { groupIntents, messageOf, type OutboxMessage, type Row } from './group-intents';

const BATCH = 200;
/** Session lock of the one relay that publishes; another waits for it as a standby. */
const LOCK = 7_410_001;
const IDLE_POLL_MS = 1_000;
/** While there is much to do, what comes in so short a time goes together. */
const GATHER_MS = 20;
const STREAM_LOOK_MS = 2_000;
/** Which subjects a stream holds, as a pattern of Postgres. */
const STREAM_SUBJECTS = [
  [EVENTS_STREAM, '^(target|node|initiator)[.]'],
  [AUDIT_STREAM, '^audit-intent[.]'],
] as const;
/** Messages stay this long, so that a lost stream can be filled again. */
const KEEP = '30 days';

/** By the places themselves: a join of the two could be planned as a walk through all that is kept. */
export const UNPUBLISHED = `
  SELECT position, message_id, subject, request_id, body FROM targets.outbox WHERE position = ANY (ARRAY(
    SELECT position FROM targets.outbox_waiting
    WHERE xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY position LIMIT ${BATCH}
  )) ORDER BY position`;
export const MARK = 'DELETE FROM targets.outbox_waiting WHERE position = ANY($1)';
export const PRUNE = `
  DELETE FROM targets.outbox AS message WHERE created_at < now() - interval '${KEEP}'
    AND NOT EXISTS (SELECT FROM targets.outbox_waiting AS waiting WHERE waiting.position = message.position)`;

const published = counter('spindle_outbox_published_total', 'Messages that JetStream has stored');

/**
 * Publishes the outbox in order, from a connection of its own: LISTEN and a session lock do not live in a pool.
 *
 * Reads only below the oldest running transaction (`pg_snapshot_xmin`), since a lower position may commit later and would be
 * skipped; `Nats-Msg-Id` is the message's id, so publishing again after a crash adds nothing to the stream.
 */
export class OutboxRelay {
  private readonly leaving = new AbortController();
  private loop: Promise<void> = Promise.resolve();
  private wake = new AbortController();
  /** By stream: we are the one who publishes there, so we know what came last. */
  private readonly lastSequence = new Map<string, number>();

  constructor(
    private readonly databaseUrl: string,
    private readonly bus: Bus,
    private readonly log: Logger,
  ) {}

  start(): void {
    this.loop = this.run();
  }

  async stop(): Promise<void> {
    this.leaving.abort();
    this.wake.abort();
    await this.loop;
  }

  /** A message was committed here: do not wait for the next look. */
  nudge(): void {
    if (!this.wake.signal.aborted) this.wake.abort();
  }

  private async run(): Promise<void> {
    while (!this.leaving.signal.aborted) {
      const client = new Client({
        connectionString: this.databaseUrl,
        connectionTimeoutMillis: 2_000,
        query_timeout: 10_000,
        keepAlive: true,
      });
      client.on('error', (err) => this.log.warn({ err }, 'outbox relay lost its connection'));
      try {
        await client.connect();
        await this.relay(client);
      } catch (err) {
        if (!this.leaving.signal.aborted) this.log.warn({ err }, 'outbox relay interrupted');
      } finally {
        await client.end().catch(() => undefined);
      }
      await sleep(500, this.leaving.signal);
    }
  }

  private async relay(client: Client): Promise<void> {
    while (!this.leaving.signal.aborted) {
      const { rows } = await client.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1) AS held', [LOCK]);
      if (rows[0]?.held) break;
      await sleep(IDLE_POLL_MS, this.leaving.signal);
    }
    let pruneAt = 0;
    let lookAt = 0;
    while (!this.leaving.signal.aborted) {
      this.wake = new AbortController();
      if (Date.now() >= lookAt) {
        await this.refillNewStreams(client);
        lookAt = Date.now() + STREAM_LOOK_MS;
      }
      const count = await this.publishBatch(client);
      if (count === BATCH) continue;
      if (Date.now() >= pruneAt) {
        await client.query(PRUNE);
        pruneAt = Date.now() + 3_600_000;
      }
      await (count > 0 ? sleep(GATHER_MS, this.leaving.signal) : sleep(IDLE_POLL_MS, this.wake.signal));
    }
  }

  /**
   * A stream that is not the one we filled has lost what was in it: everything that is kept is published again. Consumers know
   * what they have had by its id.
   */
  private async refillNewStreams(client: Client): Promise<void> {
    if (!this.bus.connected()) throw new Error('NATS is away');
    await ensureStreams(this.bus.nats, [AUDIT_STREAM, EVENTS_STREAM]);
    for (const [name, like] of STREAM_SUBJECTS) {
      const { madeAt, lastSequence } = await streamState(this.bus.nats, name);
      this.lastSequence.set(name, lastSequence);
      const known = await client.query<{ made_at: string }>('SELECT made_at FROM targets.streams_filled WHERE name = $1', [name]);
      if (known.rows[0]?.made_at === madeAt) continue;
      if (known.rows[0]) {
        const { rowCount } = await client.query(
          'INSERT INTO targets.outbox_waiting (position) SELECT position FROM targets.outbox WHERE subject ~ $1 ON CONFLICT DO NOTHING',
          [like],
        );
        this.log.warn({ stream: name, messages: rowCount }, 'a stream was made anew: it is filled again');
      }
      await client.query('INSERT INTO targets.streams_filled VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET made_at = $2', [
        name,
        madeAt,
      ]);
    }
  }

  private async publishBatch(client: Client): Promise<number> {
    const { rows } = await client.query<Row>(UNPUBLISHED);
    if (rows.length === 0) return 0;
    if (!this.bus.connected()) throw new Error('NATS is away');
    crashPoint('relay.rows-read');
    const stored = await this.publish(rows);
    crashPoint('relay.batch-stored');
    if (stored.length > 0) await client.query(MARK, [stored]);
    crashPoint('relay.batch-marked');
    published.inc(stored.length);
    if (stored.length < rows.length) throw new Error('JetStream did not store a message');
    return rows.length;
  }

  /** Both streams at once, each in its order. Positions that are stored. */
  private async publish(rows: Row[]): Promise<string[]> {
    const isIntent = ({ subject }: Row) => subject.startsWith(`${AUDIT_INTENT_SUBJECT}.`);
    const stored = await Promise.all([
      this.publishTo(AUDIT_STREAM, groupIntents(rows.filter(isIntent))),
      this.publishTo(EVENTS_STREAM, rows.filter((row) => !isIntent(row)).map(messageOf)),
    ]);
    return stored.flat();
  }

  /** All on their way at once, each as the successor of the one before: when one is refused, so are those behind it. */
  private async publishTo(stream: string, messages: OutboxMessage[]): Promise<string[]> {
    const stored: string[] = [];
    const lastKnown = this.lastSequence.get(stream) ?? 0;
    const answers = await Promise.allSettled(
      messages.map(({ positions: _, ...message }, place) => {
        const last = lastKnown + place;
        return publishNext(this.bus.nats, message, last);
      }),
    );
    for (const [place, answer] of answers.entries()) {
      const { subject, positions } = messages[place]!;
      if (answer.status === 'rejected') {
        this.log.warn({ err: answer.reason as unknown, subject }, 'JetStream did not store a message');
        break;
      }
      this.lastSequence.set(stream, Math.max(this.lastSequence.get(stream) ?? 0, answer.value));
      crashPoint('relay.stored');
      stored.push(...positions);
    }
    return stored;
  }
}

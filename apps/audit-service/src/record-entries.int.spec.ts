import { DEAD_LETTER_STREAM, publishStored } from '#messaging';
import { AnonymousRefusals, newId } from '#runtime';
import { eventually, intent, publish, silent, startTrail, type Trail, unasked } from '../../../test/harness/audit-trail';
import { Settings } from './config';
import { connectTrail } from './data-source';
import { Parts } from './parts';
import { recordEntries } from './record-entries';

describe('the audit trail', () => {
  let trail: Trail;

  beforeAll(async () => {
    trail = await startTrail();
  }, 60_000);

  afterAll(() => trail.close());

  const seqsOf = async (requestId: string) =>
    (await trail.sql<{ seq: string }>('SELECT seq FROM audit.entries WHERE request_id = $1 ORDER BY seq', [requestId])).map(({ seq }) =>
      Number(seq),
    );

  const gaps = () =>
    trail.sql<{ entries: string; first: string; last: string }>(
      'SELECT count(*) AS entries, min(seq) AS first, max(seq) AS last FROM audit.entries',
    );

  const expectNoGap = async () => {
    const [{ entries, first, last } = { entries: '', first: '', last: '' }] = await gaps();
    expect({ first, last }).toEqual({ first: '1', last: entries });
  };

  const deadLetters = async () => (await (await trail.bus.nats.jetstreamManager()).streams.info(DEAD_LETTER_STREAM)).state.messages;

  const connectParts = async () => {
    const settings = Settings.parse({ DATABASE_URL: trail.database.audit_app, AUTH_PUBLIC_KEY_FILE: '-', AUDIT_SIGNING_KEY_FILE: '-' });
    return new Parts(await connectTrail(settings, silent), unasked, trail.signer, new AnonymousRefusals(1), silent);
  };

  it('holds every field of an intent', async () => {
    const sent = intent({ request_id: 'r-fields', before: { status: 'PENDING' }, after: { status: 'ACTIVE', lun: 0, deep: [1, 'ä'] } });

    await publish(trail.bus, sent);

    const found = await eventually(
      () => trail.search({ correlation_id: 'r-fields' }) as Promise<{ items: object[] }>,
      ({ items }) => items.length === 1,
    );
    expect(found.items[0]).toEqual({ ...sent, seq: expect.any(Number) as number });
  });

  it('holds an intent once, however often it is delivered', async () => {
    const buried = await deadLetters();
    const twice = intent({ request_id: 'r-twice' });
    const next = intent({ request_id: 'r-after-twice' });

    // The stream drops a second message with the same id; with ids of their own all three arrive.
    for (const id of [newId(), newId(), newId()])
      await publishStored(trail.bus.nats, { subject: 'audit-intent.targets.create', id, body: twice });
    await publish(trail.bus, next);

    await eventually(
      () => seqsOf('r-after-twice'),
      (seqs) => seqs.length === 1,
    );
    expect(await seqsOf('r-twice')).toHaveLength(1);
    expect(await deadLetters()).toBe(buried);
    await expectNoGap();
  });

  it('gives contiguous places to writers at work at once, some of whom fail or come again', async () => {
    const again = intent({ request_id: 'r-many' });
    const writers = await Promise.all([connectParts(), connectParts(), connectParts()]);
    const bodies = Array.from({ length: 150 }, (_, i) =>
      i % 5 === 0
        ? intent({ request_id: 'r-many', time: '0000-01-01T00:00:00Z' })
        : i % 5 === 1
          ? again // what is there already takes a place in vain before it is found to be
          : intent({ request_id: 'r-many' }),
    );

    const results = await Promise.allSettled(bodies.map((body, i) => recordEntries(writers[i % writers.length]!, body)));

    await Promise.all(writers.map(({ database }) => database.destroy()));
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(30);
    expect(await seqsOf('r-many')).toHaveLength(91);
    await expectNoGap();
  });

  it('puts what is no intent among the dead letters and goes on', async () => {
    const before = await deadLetters();

    await trail.bus.nats.jetstream().publish('audit-intent.x', Buffer.from('{"id":'));
    await trail.bus.nats.jetstream().publish('audit-intent.x', Buffer.from('{"id":1}'));
    await trail.bus.nats.jetstream().publish('audit-intent.x', Buffer.from('null'));
    await publish(trail.bus, intent({ time: '0000-01-01T00:00:00Z' }));
    await publish(trail.bus, intent({ request_id: 'r-after-garbage' }));

    await eventually(
      () => seqsOf('r-after-garbage'),
      (seqs) => seqs.length === 1,
    );
    expect((await deadLetters()) - before).toBe(4);
  });

  it('holds those that come together in their order, and is not kept from them by one that is no intent', async () => {
    const before = await deadLetters();
    const five = Array.from({ length: 5 }, (_, i) => intent({ request_id: 'r-together', after: { i } }));
    const body = [...five.slice(0, 2), { id: 1 }, five[1], five[2], intent({ time: '0000-01-01T00:00:00Z' }), ...five.slice(3)];

    for (const id of [newId(), newId()]) await publishStored(trail.bus.nats, { subject: 'audit-intent.several', id, body });
    await publish(trail.bus, intent({ request_id: 'r-after-together' }));

    await eventually(
      () => seqsOf('r-after-together'),
      (seqs) => seqs.length === 1,
    );
    const rows = await trail.sql<{ after: { i: number } }>(`SELECT after FROM audit.entries WHERE request_id = 'r-together' ORDER BY seq`);
    expect(rows.map(({ after }) => after.i)).toEqual([0, 1, 2, 3, 4]);
    expect((await deadLetters()) - before).toBe(2);
    await expectNoGap();
  });

  it('holds many that come together, each once, when some of them are there already', async () => {
    const many = Array.from({ length: 100 }, () => intent({ request_id: 'r-hundred' }));

    await publishStored(trail.bus.nats, { subject: 'audit-intent.several', id: newId(), body: many.slice(20, 60) });
    await publishStored(trail.bus.nats, { subject: 'audit-intent.several', id: newId(), body: many });

    await eventually(
      () => seqsOf('r-hundred'),
      (seqs) => seqs.length === 100,
    );
    const rows = await trail.sql<{ id: string }>(`SELECT id FROM audit.entries WHERE request_id = 'r-hundred' ORDER BY seq`);
    const order = [...many.slice(20, 60), ...many.slice(0, 20), ...many.slice(60)];
    expect(rows.map(({ id }) => id)).toEqual(order.map(({ id }) => id));
    await expectNoGap();
  });

  it('ignores fields of a newer version', async () => {
    await publishStored(trail.bus.nats, {
      subject: 'audit-intent.x',
      id: newId(),
      body: { ...intent({ request_id: 'r-newer' }), trace_id: 'abc' },
    });

    await eventually(
      () => seqsOf('r-newer'),
      (seqs) => seqs.length === 1,
    );
  });

  it('holds an intent with characters that Postgres cannot store', async () => {
    const hostile = intent({ request_id: 'r-hostile', actor: 'a\u0000b', after: { 'k\u0000': 'x\\u0000\\\u0000\ud800y', emoji: '😀' } });

    await publish(trail.bus, hostile);

    await eventually(
      () => seqsOf('r-hostile'),
      (seqs) => seqs.length === 1,
    );
    const [row] = await trail.sql<object>(`SELECT actor, after FROM audit.entries WHERE request_id = 'r-hostile'`);
    expect(row).toEqual({ actor: 'a\ufffdb', after: { 'k\ufffd': 'x\\u0000\\\ufffd\ufffdy', emoji: '😀' } });
  });

  it('keeps what it may not insert until it may', async () => {
    const before = await deadLetters();
    await trail.sql('REVOKE INSERT ON audit.entries FROM audit_app');

    await publish(trail.bus, intent({ request_id: 'r-revoked' }));
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const meanwhile = await seqsOf('r-revoked');
    await trail.sql('GRANT INSERT ON audit.entries TO audit_app');

    expect(meanwhile).toEqual([]);
    await eventually(
      () => seqsOf('r-revoked'),
      (seqs) => seqs.length === 1,
    );
    expect(await deadLetters()).toBe(before);
  });

  it('loses nothing when Postgres is killed and comes back', async () => {
    const before = await deadLetters();
    const first = Array.from({ length: 150 }, () => intent({ request_id: 'r-kill' }));
    const second = Array.from({ length: 50 }, () => intent({ request_id: 'r-kill' }));

    await publish(trail.bus, ...first);
    await eventually(
      () => seqsOf('r-kill'),
      (seqs) => seqs.length > 5,
    );
    await trail.postgres.kill();
    await publish(trail.bus, ...second);
    const readyWithout = (await fetch(`${trail.healthUrl}/readyz`)).status;
    const refusedWithout: unknown = await trail.search({}).catch((error: unknown) => error);
    await trail.postgres.start();

    await eventually(
      () => seqsOf('r-kill'),
      (seqs) => seqs.length === 200,
    );
    expect(readyWithout).toBe(503);
    expect(refusedWithout).toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    expect((await fetch(`${trail.healthUrl}/readyz`)).status).toBe(200);
    expect(await deadLetters()).toBe(before);
    await expectNoGap();
  }, 60_000);

  it('goes on after a restart where it was', async () => {
    await trail.stopService();
    await publish(trail.bus, ...Array.from({ length: 20 }, () => intent({ request_id: 'r-restart' })));

    await trail.startService();

    await eventually(
      () => seqsOf('r-restart'),
      (seqs) => seqs.length === 20,
    );
    await expectNoGap();
  }, 30_000);
});

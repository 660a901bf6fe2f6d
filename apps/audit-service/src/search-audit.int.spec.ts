import { type AuditEntry, type Page, type Refused } from '#contracts';
import { newId } from '#runtime';
import { eventually, intent, publish, startTrail, type Trail } from '../../../test/harness/audit-trail';

const [target, otherTarget, machine] = [newId(), newId(), newId()];

const entries = [
  intent({ request_id: 'e1', resource: { type: 'target', id: target }, after: { machine_id: machine }, time: '2026-01-01T00:00:00.000Z' }),
  intent({
    request_id: 'e2',
    actor: 'bob',
    action: 'targets.delete',
    resource: { type: 'target', id: target },
    before: { machine_id: machine },
    time: '2026-01-02T00:00:00.000Z',
  }),
  intent({
    request_id: 'e3',
    outcome: 'denied',
    code: 'MACHINE_HAS_TARGET',
    resource: { type: 'target', id: null },
    after: { machine_id: machine.toUpperCase() },
    time: '2026-01-03T00:00:00.000Z',
  }),
  intent({
    request_id: 'e4',
    actor: 'bob',
    action: 'machines.update',
    resource: { type: 'machine', id: machine },
    time: '2026-01-04T02:00:00.000+02:00',
  }),
  intent({
    request_id: 'e5',
    actor: 'system',
    action: 'initiator.connected',
    resource: { type: 'initiator', id: 'iqn.2025-01.io.spindle:a' },
    after: { target_id: otherTarget, machine_id: 'no id' },
    time: '2026-01-05T00:00:00.000Z',
  }),
];

describe('a search of the audit trail', () => {
  let trail: Trail;

  beforeAll(async () => {
    trail = await startTrail({ AUDIT_ANONYMOUS_PER_MINUTE: '3' });
    for (const entry of entries) await publish(trail.bus, entry);
    await eventually(
      () => trail.sql('SELECT 1 FROM audit.entries'),
      ({ length }) => length === entries.length,
    );
  }, 60_000);

  afterAll(() => trail.close());

  const search = async (filters: object, authorization?: string) => (await trail.search(filters, authorization)) as Page<AuditEntry>;
  /** Without what the searches themselves left in the trail. */
  const found = async (filters: object) =>
    (await search(filters)).items.filter(({ action }) => action !== 'audit.search').map(({ request_id }) => request_id);
  const refusal = (filters: object, authorization?: string) =>
    search(filters, authorization).then(
      () => 'answered',
      (error: unknown) => (error as Refused).code,
    );

  it.each([
    ['everything, newest first', {}, ['e5', 'e4', 'e3', 'e2', 'e1']],
    ['a target', { target_id: target }, ['e2', 'e1']],
    ['a target that an event names', { target_id: otherTarget }, ['e5']],
    ['a machine, also in what was asked or stood there before', { machine_id: machine }, ['e4', 'e3', 'e2', 'e1']],
    ['an actor', { actor: 'bob' }, ['e4', 'e2']],
    ['an action', { action: 'targets.create' }, ['e3', 'e1']],
    ['an outcome', { outcome: 'denied' }, ['e3']],
    ['a request', { correlation_id: 'e4' }, ['e4']],
    ['times from, and before', { from: '2026-01-02T00:00:00Z', to: '2026-01-04T00:00:00Z' }, ['e3', 'e2']],
    ['several at once', { actor: 'bob', machine_id: machine, from: '2026-01-03T00:00:00Z' }, ['e4']],
    ['nothing', { actor: 'nobody' }, []],
  ])('finds %s', async (_what, filters, expected) => {
    expect(await found(filters)).toEqual(expected);
  });

  it('goes on where the page before ended, whatever was added meanwhile', async () => {
    const first = await search({ actor: 'ada', limit: 1 });
    await publish(trail.bus, intent({ request_id: 'e6', outcome: 'failed' }));
    await eventually(
      () => found({ correlation_id: 'e6' }),
      (ids) => ids.length === 1,
    );
    const second = await search({ actor: 'ada', limit: 1, cursor: first.next_cursor });

    expect([first, second].map(({ items }) => items[0]?.request_id)).toEqual(['e3', 'e1']);
    expect([first.next_cursor === null, second.next_cursor, second.total]).toEqual([false, null, 3]);
  });

  it('refuses a cursor of other filters, and one that is none', async () => {
    const { next_cursor } = await search({ machine_id: machine, limit: 1 });
    const forged = Buffer.from('["x","y"]').toString('base64url');

    expect(await refusal({ limit: 1, cursor: next_cursor })).toBe('INVALID_CURSOR');
    expect(await refusal({ machine_id: machine, actor: 'bob', cursor: next_cursor })).toBe('INVALID_CURSOR');
    for (const cursor of ['', 'x', '%', '"', forged, `${next_cursor}x`]) expect(await refusal({ cursor })).toBe('INVALID_CURSOR');
    expect(await refusal({ machine_id: machine, limit: 2, cursor: next_cursor })).toBe('answered');
  });

  it.each([
    [{ limit: 0 }, 'INVALID_VALUE'],
    [{ target_id: 'x' }, 'INVALID_ID'],
    [{ from: 'yesterday' }, 'INVALID_VALUE'],
    [{ order: 'asc' }, 'UNKNOWN_FIELD'],
  ])('refuses %j', async (filters, code) => {
    expect(await refusal(filters)).toBe(code);
  });

  it.each(['viewer', 'operator'] as const)('is refused to a %s, and the trail says so', async (role) => {
    const code = await refusal({ actor: 'bob' }, trail.token(role, `eve-${role}`));

    expect(code).toBe('FORBIDDEN');
    const [entry] = (await search({ actor: `eve-${role}` })).items;
    expect(entry).toMatchObject({
      action: 'audit.search',
      outcome: 'denied',
      code: 'FORBIDDEN',
      source: 'nats',
      after: { asked: { actor: 'bob' } },
    });
  });

  it.each(['auditor', 'admin'] as const)('is answered to an %s, and stands in the trail', async (role) => {
    const before = await search({ actor: `reading-${role}` });
    const answer = await refusal({ target_id: target }, trail.token(role, `reading-${role}`));
    const after = await search({ actor: `reading-${role}` });

    expect(answer).toBe('answered');
    expect([before.total, after.total]).toEqual([0, 1]);
    expect(after.items[0]).toMatchObject({ action: 'audit.search', outcome: 'allowed', after: { asked: { target_id: target } } });
    expect(await found({ target_id: target })).toEqual(['e2', 'e1']);
  });

  it('is refused to unknown callers: the first of a minute stand in the trail singly, the others as a sum', async () => {
    const codes = [];
    for (let i = 0; i < 5; i++) codes.push(await refusal({}, i === 0 ? 'Bearer x' : ''));
    const single = await search({ actor: 'anonymous' });
    await trail.stopService();
    await trail.startService();
    const all = await search({ actor: 'anonymous' });

    expect(codes).toEqual(['TOKEN_INVALID', ...Array<string>(4).fill('UNAUTHENTICATED')]);
    expect(single.total).toBe(3);
    expect(all.total).toBe(4);
    expect(all.items[0]).toMatchObject({ action: 'audit.search', outcome: 'denied', after: { further_refusals: 2 } });
  }, 20_000);

  it('counts to 10,000 and says that there are more', async () => {
    await trail.sql(`
      INSERT INTO audit.entries (id, time, actor, source, action, resource_type, outcome, request_id)
      SELECT gen_random_uuid(), now(), CASE WHEN n = 1 THEN 'few' ELSE 'many' END, 'nats', 'x', 'x', 'allowed', 'r'
      FROM generate_series(1, 10002) AS n`);
    // in the places of their hashes, so that the searches can be recorded behind them
    await trail.sql(`
      INSERT INTO audit.nodes SELECT level, position, sha256('')
      FROM (SELECT max(seq) AS size FROM audit.entries) AS tree, generate_series(0, 13) AS level,
           generate_series(0, size / (1 << level) - 1) AS position
      ON CONFLICT DO NOTHING`);

    const few = await search({ actor: 'many', limit: 200 });
    const seqs = few.items.map(({ seq }) => seq);

    expect(few).toMatchObject({ total: 10_000, total_capped: true });
    expect(seqs).toEqual([...seqs].sort((a, b) => b - a));
    expect((await search({ actor: 'few' })).total_capped).toBeUndefined();
  }, 60_000);
});

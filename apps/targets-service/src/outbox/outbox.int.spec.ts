import type { Client } from 'pg';
import { connectBus } from '#messaging';
import { metrics, newId } from '#runtime';
import { TargetsServiceForTests, eventually, log } from '../../../../test/harness/targets-service-for-tests';
import { OutboxRelay } from './outbox-relay';

const service = new TargetsServiceForTests();

jest.setTimeout(20_000);
beforeAll(() => service.start(), 60_000);
afterAll(() => service.stop());

describe('the outbox', () => {
  const insert = (client: Client, name: string) =>
    client.query(`INSERT INTO targets.outbox (message_id, subject, request_id, body) VALUES ($1, 'target.created', 'r', $2)`, [
      newId(),
      { name },
    ]);
  const client = () => service.client();
  const unmarked = async () => (await service.sql.query('SELECT 1 FROM targets.outbox_waiting')).rowCount;
  const measured = async (name: string) => (await metrics.getSingleMetric(name)!.get()).values[0]?.value ?? NaN;

  it('skips nothing when a lower position commits later', async () => {
    const [slow, fast] = [await client(), await client()];
    const seen: string[] = [];
    const subscription = service.bus.subscribe('target.created', {
      callback: (_error, message) => seen.push(message.json<{ name: string }>().name),
    });
    await service.bus.flush();

    await slow.query('BEGIN');
    await insert(slow, 'first');
    await insert(fast, 'second');
    await new Promise((done) => setTimeout(done, 1_500));
    const early = [...seen];
    await slow.query('COMMIT');

    await eventually(
      () => Promise.resolve(seen),
      (names) => names.length === 2,
    );
    expect(early).toEqual([]);
    expect(seen).toEqual(['first', 'second']);
    subscription.unsubscribe();
    await Promise.all([slow.end(), fast.end()]);
  });

  it('is published once and in order by two relays', async () => {
    const second = await connectBus('second relay', service.natsSettings, log);
    const relay = new OutboxRelay(service.urls.targets_app, second, log);
    relay.start();
    const own = await client();
    const seen: string[] = [];
    const subscription = service.bus.subscribe('target.created', {
      callback: (_error, message) => seen.push(message.json<{ name: string }>().name),
    });

    for (let i = 0; i < 100; i++) await insert(own, String(i));

    await eventually(
      () => Promise.resolve(seen),
      (names) => names.length >= 100,
    );
    expect(seen).toEqual([...Array(100).keys()].map(String));
    subscription.unsubscribe();
    await relay.stop();
    await second.close();
    await own.end();
  });

  it('adds nothing to the stream when it publishes again what was stored and not marked', async () => {
    const { streams } = await service.bus.jetstreamManager();
    const own = await client();
    await insert(own, 'stored');
    await eventually(unmarked, (waiting) => waiting === 0);
    const before = (await streams.info('SPINDLE_EVENTS')).state.messages;

    // as if the relay had died between the two
    await own.query(`INSERT INTO targets.outbox_waiting (position) SELECT position FROM targets.outbox WHERE body->>'name' = 'stored'`);
    await eventually(unmarked, (waiting) => waiting === 0);

    expect((await streams.info('SPINDLE_EVENTS')).state.messages).toBe(before);
    await own.end();
  });

  it('keeps what a full stream refuses, and publishes it once there is room', async () => {
    const { streams } = await service.bus.jetstreamManager();
    const own = await client();
    await insert(own, 'fits');
    await eventually(unmarked, (waiting) => waiting === 0);
    const { config, state } = await streams.info('SPINDLE_EVENTS');

    await streams.update('SPINDLE_EVENTS', { ...config, max_msgs: state.messages });
    await insert(own, 'refused');
    await new Promise((done) => setTimeout(done, 2_000));
    const kept = await unmarked();
    await streams.update('SPINDLE_EVENTS', { ...config, max_msgs: -1 });

    expect(kept).toBe(1);
    await eventually(unmarked, (waiting) => waiting === 0);
    const last = await streams.getMessage('SPINDLE_EVENTS', { last_by_subj: 'target.created' });
    expect(last.json()).toEqual({ name: 'refused' });
    await own.end();
  });

  it('loses nothing while NATS is away', async () => {
    await service.nats.kill();
    const before = await client();
    await insert(before, 'while away');
    await before.end();
    await eventually(
      () => measured('spindle_outbox_oldest_seconds'),
      (seconds) => seconds > 0,
    );

    await service.restartNats();

    await eventually(unmarked, (waiting) => waiting === 0);
    await eventually(
      () => measured('spindle_outbox_oldest_seconds'),
      (seconds) => seconds === 0,
    );
    const stream = await (await service.bus.jetstreamManager()).streams.getMessage('SPINDLE_EVENTS', { last_by_subj: 'target.created' });
    expect(stream.json()).toEqual({ name: 'while away' });
  }, 30_000);

  it('fills a stream again that was made anew, with all that is kept', async () => {
    const manager = await service.bus.jetstreamManager();
    const kept = Number((await service.sql.query(`SELECT count(*) FROM targets.outbox WHERE subject LIKE 'audit-intent.%'`)).rows[0].count);

    await manager.streams.delete('SPINDLE_AUDIT');

    const intents = async () => {
      const { state } = await manager.streams.info('SPINDLE_AUDIT');
      const found: unknown[] = [];
      for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq++)
        found.push(...[(await manager.streams.getMessage('SPINDLE_AUDIT', { seq })).json<object>()].flat());
      return found.length;
    };
    await eventually(
      () => intents().catch(() => 0),
      (count) => count >= kept,
    );
  }, 30_000);

  it('puts nothing new into a stream that was made anew before what it has lost, nor is held up by somebody else who publishes', async () => {
    const manager = await service.bus.jetstreamManager();
    const own = await service.client();
    const names = async () => {
      const { state } = await manager.streams.info('SPINDLE_EVENTS');
      const found: string[] = [];
      for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq++)
        found.push((await manager.streams.getMessage('SPINDLE_EVENTS', { seq })).json<{ name: string }>().name);
      return found.filter((name) => /^(old|new|theirs)/.test(name));
    };
    for (const name of ['old-1', 'old-2']) await insert(own, name);
    await eventually(names, (found) => found.length === 2);

    await manager.streams.delete('SPINDLE_EVENTS');
    await manager.streams.add({ name: 'SPINDLE_EVENTS', subjects: ['target.*', 'node.*', 'initiator.*'] });
    await insert(own, 'new-1');
    await eventually(names, (found) => found.length === 3);
    await service.bus.jetstream().publish('target.created', JSON.stringify({ name: 'theirs' }));
    await insert(own, 'new-2');

    const all = await eventually(names, (found) => found.length === 5);
    expect(all).toEqual(['old-1', 'old-2', 'new-1', 'theirs', 'new-2']);
    await own.end();
  }, 40_000);
});

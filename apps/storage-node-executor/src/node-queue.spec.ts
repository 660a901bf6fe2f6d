import type { ApplyReply, TargetWish } from '#contracts';
import { NodeQueue, type Chore } from './node-queue';

const wish = (target: number, generation = 1): TargetWish => ({
  target_id: `018f3a5e-0000-7000-8000-00000000000${target}`,
  generation,
  state: 'present',
  iqn: `iqn.2025-01.io.spindle:t${target}`,
  initiator_iqn: 'iqn.2025-01.io.spindle:m',
  lun: 0,
  disk: { disk_id: '018f3a5e-0000-7000-8000-000000000009', image_file: 'a.img', size_bytes: 512, read_only: false },
  if_idle: false,
  confirmed: false,
  chap: null,
});

const none: Chore = { due: () => false, overdue: () => false, run: () => Promise.resolve() };

/** A queue whose wishes end when the test says so; `applied` has them in order. */
const queueOf = (options: { limit?: number; waitMs?: number; chore?: Chore; wedged?: () => string | null } = {}) => {
  const applied: string[] = [];
  const finish: (() => void)[] = [];
  const apply = (at: TargetWish) => {
    applied.push(`${at.iqn.slice(-2)} ${at.generation}`);
    return new Promise<ApplyReply>((resolve) => {
      finish.push(() => resolve({ target_id: at.target_id, generation: at.generation, outcome: 'done', disconnected: 0, error: null }));
    });
  };
  const { limit = 10, waitMs = 60_000, chore = none, wedged = () => null } = options;
  const queue = new NodeQueue(apply, chore, wedged, { limit, waitMs, quietMs: 1 });
  const next = async () => {
    finish.shift()!();
    await new Promise(setImmediate);
  };
  return { queue, applied, next };
};

test('wishes are applied one at a time in the order they came', async () => {
  const { queue, applied, next } = queueOf();

  const replies = [1, 2, 3].map((target) => queue.submit(wish(target)));
  expect(applied).toEqual(['t1 1']);
  await next();
  expect(applied).toEqual(['t1 1', 't2 1']);
  await next();
  await next();

  expect((await Promise.all(replies)).map(({ outcome }) => outcome)).toEqual(['done', 'done', 'done']);
});

test('a newer wish takes the place of one that waits, whose caller learns that it is stale', async () => {
  const { queue, applied, next } = queueOf();
  const first = queue.submit(wish(1));

  const older = queue.submit(wish(2, 1));
  const newer = queue.submit(wish(2, 2));
  const late = queue.submit(wish(2, 1));
  const outcomes = Promise.allSettled([older, newer, late]);
  await next();
  await next();

  expect(applied).toEqual(['t1 1', 't2 2']);
  expect(await outcomes).toMatchObject([
    { reason: { code: 'STALE_GENERATION' } },
    { value: { outcome: 'done', generation: 2 } },
    { reason: { code: 'STALE_GENERATION' } },
  ]);
  await first;
});

test('the same wish asked twice is applied once and answered twice', async () => {
  const { queue, applied, next } = queueOf();
  const first = queue.submit(wish(1));
  const replies = [queue.submit(wish(2)), queue.submit(wish(2))];

  await next();
  await next();

  expect(await Promise.all(replies)).toHaveLength(2);
  expect(applied).toEqual(['t1 1', 't2 1']);
  await first;
});

test('a target is busy from when its wish comes until it is met, and the last to ask is who it is done for', async () => {
  const done: unknown[] = [];
  let finish = () => {};
  const apply = (at: TargetWish, requestId?: string) => {
    done.push([at.iqn.slice(-2), requestId]);
    return new Promise<ApplyReply>((resolve) => {
      finish = () => resolve({ target_id: at.target_id, generation: 1, outcome: 'done', disconnected: 0, error: null });
    });
  };
  const queue = new NodeQueue(apply, none, () => null, { limit: 10, waitMs: 60_000, quietMs: 1 });
  const busy = () => [1, 2].map((target) => queue.has(wish(target).target_id));

  const replies = [queue.submit(wish(1), 'r1'), queue.submit(wish(2), 'r2'), queue.submit(wish(2), 'r3')];
  const seen = [busy()];
  finish();
  await replies[0];
  await new Promise(setImmediate);
  seen.push(busy());
  finish();
  await Promise.all(replies);
  await new Promise(setImmediate);
  seen.push(busy());

  expect(done).toEqual([
    ['t1', 'r1'],
    ['t2', 'r3'],
  ]);
  expect(seen).toEqual([
    [true, true],
    [false, true],
    [false, false],
  ]);
});

test('more wishes than may wait are refused', async () => {
  const { queue, next } = queueOf({ limit: 1 });
  const replies = [queue.submit(wish(1)), queue.submit(wish(2))];

  await expect(queue.submit(wish(3))).rejects.toMatchObject({ code: 'NODE_BUSY' });
  await next();
  await next();
  await Promise.all(replies);
});

test('a wish whose turn does not come in time is refused and never applied', async () => {
  const { queue, applied, next } = queueOf({ waitMs: 10 });
  const first = queue.submit(wish(1));

  await expect(queue.submit(wish(2))).rejects.toMatchObject({ code: 'NODE_BUSY' });
  await next();
  await first;

  expect(applied).toEqual(['t1 1']);
});

test('a wedged node refuses at once', async () => {
  const { queue, applied } = queueOf({ wedged: () => 'targetcli (pid 7, state D) does not end' });

  await expect(queue.submit(wish(1))).rejects.toMatchObject({
    code: 'NODE_WEDGED',
    details: { hint: 'targetcli (pid 7, state D) does not end.' },
  });
  expect(applied).toEqual([]);
});

test('a chore is done once a burst has ended, and before the next wish when it is overdue', async () => {
  const order: string[] = [];
  let due = false;
  let overdue = false;
  const chore: Chore = {
    due: () => due,
    overdue: () => overdue,
    run: () => {
      order.push('chore');
      due = overdue = false;
      return Promise.resolve();
    },
  };
  const queue = new NodeQueue(
    (at) => {
      order.push(at.iqn.slice(-2));
      due = true;
      if (at.iqn.endsWith('2')) overdue = true;
      return Promise.resolve({ target_id: at.target_id, generation: 1, outcome: 'done', disconnected: 0, error: null });
    },
    chore,
    () => null,
    { limit: 10, waitMs: 1_000, quietMs: 1 },
  );

  await Promise.all([1, 2, 3].map((target) => queue.submit(wish(target))));
  await queue.close();

  expect(order).toEqual(['t1', 't2', 'chore', 't3', 'chore']);
});

test('a queue that closes finishes what is at work and refuses what waits', async () => {
  const { queue, next } = queueOf();
  const [first, second] = [queue.submit(wish(1)), queue.submit(wish(2))];
  const refused = expect(second).rejects.toMatchObject({ code: 'NODE_BUSY' });

  const closed = queue.close();
  await refused;
  await next();
  await closed;

  expect((await first).outcome).toBe('done');
  await expect(queue.submit(wish(3))).rejects.toMatchObject({ code: 'NODE_BUSY' });
});

test('when whoever asked is gone, what is at work is finished, what waits is refused, and nothing is taken until somebody is there', async () => {
  const { queue, applied, next } = queueOf();
  const atWork = queue.submit(wish(1));
  const waits = queue.submit(wish(2)).catch((error: unknown) => error);

  queue.suspend();
  const late = queue.submit(wish(3)).catch((error: unknown) => error);
  await next();
  queue.resume();
  void queue.submit(wish(4));

  expect(await atWork).toMatchObject({ outcome: 'done' });
  expect(await waits).toMatchObject({ code: 'NODE_BUSY' });
  expect(await late).toMatchObject({ code: 'NODE_BUSY' });
  expect(applied).toEqual(['t1 1', 't4 1']);
});

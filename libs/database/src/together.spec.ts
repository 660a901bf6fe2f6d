import { Refused } from '#contracts';
import { Together } from './together';

const settled = async (works: Promise<unknown>[]) =>
  (await Promise.allSettled(works)).map((one) => (one.status === 'fulfilled' ? one.value : (one.reason as Error).message));

test('what is asked for in one moment is done in one go, and each gets its own answer', async () => {
  const batches: number[][] = [];
  const together = new Together((items: number[]) => {
    batches.push(items);
    return Promise.resolve(items.map((item) => (item === 2 ? new Refused('NO_NODE') : item * 10)));
  });

  const outcomes = await settled([1, 2, 3].map((item) => together.do(item)));

  expect(batches).toEqual([[1, 2, 3]]);
  expect(outcomes).toEqual([10, 'NO_NODE', 30]);
});

test('what comes meanwhile waits for the next one', async () => {
  const batches: number[][] = [];
  const together = new Together(async (items: number[]) => {
    batches.push(items);
    await new Promise((done) => setTimeout(done, 20));
    return items;
  });

  const first = together.do(1);
  await new Promise((done) => setTimeout(done, 5));
  await Promise.all([first, ...[2, 3, 4].map((item) => together.do(item))]);

  expect(batches).toEqual([[1], [2, 3, 4]]);
});

test('one that takes long does not hold up those behind it', async () => {
  let free = (): void => undefined;
  const held = new Promise<void>((done) => (free = done));
  const together = new Together(async (items: string[]) => {
    if (items.includes('held')) await held;
    return items;
  });

  const first = together.do('held');
  await new Promise((done) => setTimeout(done, 5));
  const second = await together.do('second');
  free();

  expect([second, await first]).toEqual(['second', 'held']);
});

test('one that fails is the only one that fails', async () => {
  const together = new Together((items: number[]) =>
    items.includes(2) ? Promise.reject(new Error(`not with 2`)) : Promise.resolve(items.map((item) => item * 10)),
  );

  const outcomes = await settled([1, 2, 3].map((item) => together.do(item)));

  expect(outcomes).toEqual([10, 'not with 2', 30]);
});

test('nothing is done again after the connection was lost: it may have been committed', async () => {
  let calls = 0;
  const together = new Together(() => {
    calls++;
    return Promise.reject(new Refused('DATABASE_UNAVAILABLE', {}, { cause: Object.assign(new Error(), { code: 'ECONNRESET' }) }));
  });

  const outcomes = await settled([1, 2].map((item) => together.do(item)));

  expect([calls, ...outcomes]).toEqual([1, 'DATABASE_UNAVAILABLE', 'DATABASE_UNAVAILABLE']);
});

test('no more than a thousand wait; the next one is told to come again', async () => {
  const together = new Together((items: number[]) => Promise.resolve(items));

  const outcomes = await settled(Array.from({ length: 1_001 }, (_, item) => together.do(item)));

  expect(outcomes.slice(-2)).toEqual([999, 'RATE_LIMITED']);
});

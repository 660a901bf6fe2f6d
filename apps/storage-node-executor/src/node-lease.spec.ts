import { NodeLease } from './node-lease';

test('a lease is held from its grant until its end, and by nobody before', () => {
  const lease = new NodeLease();

  expect(lease.held(0)).toBe(false);
  lease.grant(100);

  expect([lease.held(0), lease.held(99), lease.held(100), lease.held(101)]).toEqual([true, true, false, false]);
});

test('an answer that was on its way for long does not shorten what a later report was granted', () => {
  const lease = new NodeLease();
  lease.grant(200);
  lease.grant(100);

  expect(lease.held(150)).toBe(true);
});

test('a lease that was taken away is over at once, and can be granted again', () => {
  const lease = new NodeLease();
  lease.grant(100);
  lease.end();
  const over = lease.held(0);
  lease.grant(50);

  expect([over, lease.held(49)]).toEqual([false, true]);
});

test('what would change something without a lease is refused, with the reason', () => {
  const lease = new NodeLease();
  const refusal = { code: 'NODE_BUSY', retryable: true, details: { hint: 'This executor does not hold the node.' } };

  expect(() => lease.mustHold()).toThrow(expect.objectContaining(refusal));
  lease.grant(performance.now() + 60_000);
  expect(() => lease.mustHold()).not.toThrow();
});

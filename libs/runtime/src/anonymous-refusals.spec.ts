import { AnonymousRefusals } from './anonymous-refusals';

it('the first refusals of a minute are recorded singly, the rest is summed for each source when it has passed', () => {
  const refusals = new AnonymousRefusals(2);

  const single = ['a', 'a', 'a', 'a', 'b'].map((source) => refusals.mayRecord(source, 1_000));

  expect(single).toEqual([true, true, false, false, true]);
  expect(refusals.takeSums(60_999)).toEqual([]);
  expect(refusals.takeSums(61_000)).toEqual([{ source: 'a', count: 2 }]);
  expect(refusals.takeSums(200_000)).toEqual([]);
});

it('a sum that could not be recorded is in the next ones', () => {
  const refusals = new AnonymousRefusals(0);
  refusals.mayRecord('a', 1_000);

  for (const { source, count } of refusals.takeSums(61_000)) refusals.giveBack(source, count);
  refusals.mayRecord('a', 61_000);

  expect(refusals.takeSums(61_001)).toEqual([{ source: 'a', count: 1 }]);
  refusals.giveBack('a', 1);
  expect(refusals.takeSums(121_000)).toEqual([{ source: 'a', count: 2 }]);
});

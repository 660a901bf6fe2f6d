import { plantedReport, type PlantedBug } from './planted-report';

const bug = (more: Partial<PlantedBug>): PlantedBug => ({
  name: 'forget-it',
  check: 'int a.int.spec: a | b',
  verdict: 'caught',
  reason: 'a: expected 1',
  seconds: 3,
  ...more,
});

it('planted bugs are a table of bug, check and verdict, with the reason of those that were not caught', () => {
  const bugs = [bug({}), bug({ name: 'two', verdict: 'missed', reason: '' }), bug({ name: 'three', verdict: 'hung', reason: 'no | end' })];

  const text = plantedReport({ commit: 'abc1234', listed: 4, bugs });

  expect(text.split('\n').filter((line) => line.startsWith('|'))).toEqual([
    '| bug | check | verdict |',
    '| --- | --- | --- |',
    '| `forget-it` | int a.int.spec: a \\| b | caught |',
    '| `two` | int a.int.spec: a \\| b | **missed** |',
    '| `three` | int a.int.spec: a \\| b | **hung**: no \\| end |',
  ]);
  expect(text).toContain('**1 caught / 3 planted**, of 4 that are listed in test/chaos/planted-bugs.json, on commit abc1234');
});

import { report } from './report';
import type { Result } from './run';

const run = (seed: number, more: Partial<Result> = {}): Result => ({
  fault: 'relay.stored',
  seed,
  commit: 'aaaaaaa',
  earlier: [],
  struck: true,
  violations: [],
  commands: 12,
  retries: 0,
  recoveryMs: 100,
  answerMs: null,
  tookMs: 1_000,
  ...more,
});

it('says on which commits the runs were made', () => {
  expect(report([run(1), run(2), run(3, { commit: 'bbbbbbb' })], 'ccccccc', [])).toContain('Runs on aaaaaaa (2), bbbbbbb (1)');
});

it('tells what was found by runs that were made again', () => {
  const earlier = [
    { commit: '0000001', struck: true, violations: [{ kind: 'lost' as const, what: 'target t' }] },
    { commit: '0000002', struck: false, violations: [] },
  ];

  const text = report([run(1, { earlier })], 'ccccccc', []);

  expect(text).toContain('- `relay.stored`, seed 1, on 0000001: lost: target t');
  expect(text).toContain('- `relay.stored`, seed 1, on 0000002: not struck');
});

import type { Comparison } from '#contracts';
import { countPlanned, isAsItShouldBe, planName, planTarget, type Recorded } from './plan-target';

const record = (more: Partial<Recorded> = {}): Recorded => ({
  id: '01997b1e-5b1c-7d3a-9c0e-2f4b6a8d0c11',
  iqn: 'iqn.2025-01.io.spindle:01997b1e-5b1c-7d3a-9c0e-2f4b6a8d0c11',
  status: 'ACTIVE',
  operation: null,
  generation: 3,
  ...more,
});
const seen = (more: Partial<Comparison> = {}): Comparison => ({
  target_id: record().id,
  generation: 3,
  shown: true,
  steps: [],
  drift: [],
  sessions: 1,
  disconnects: 0,
  obstacle: null,
  ...more,
});

const pending = (operation: Recorded['operation'], generation = 3) => record({ status: 'PENDING', operation, generation });
const steps = ['create-acl'];

it.each([
  ['a target that is as recorded is left', record(), seen(), 'leave', null],
  ['one that the node knows later wishes for is left, and raised above them', record(), seen({ generation: 7 }), 'leave', 8],
  ['one that differs is changed', record(), seen({ steps }), 'change', null],
  ['one that differs by a later wish is changed and raised', record(), seen({ steps, generation: 4 }), 'change', 5],
  ['one that is gone is created', record(), seen({ steps, shown: false }), 'create', null],
  ['one that was deleted by a wish since is created, and raised', record(), seen({ steps, shown: false, generation: 5 }), 'create', 6],
  ['a delete that is under way goes on', pending('delete'), seen({ steps }), 'delete', null],
  ['a delete that is done already is left', pending('delete'), seen({ shown: false }), 'leave', null],
  ['a create that is done already is left', pending('create', 1), seen({ generation: 1 }), 'leave', null],
  ['a create that is not begun goes on', pending('create', 1), seen({ generation: 0, shown: false, steps }), 'create', null],
  ['a restart that the node has not heard of goes on', pending('restart', 5), seen({ generation: 3 }), 'change', null],
  ['a restart that is half done goes on', pending('restart', 5), seen({ generation: 4, shown: false, steps }), 'create', null],
  ['a restart that is done already is left', pending('restart', 5), seen({ generation: 5 }), 'leave', null],
  ['a restart that later wishes have overtaken is over', pending('restart', 5), seen({ generation: 9 }), 'leave', 10],
  ['what failed is left, whatever shows of it', record({ status: 'ERROR' }), seen({ steps }), 'leave', null],
  [
    'what failed and was made later is raised, so that it can be restarted',
    record({ status: 'ERROR' }),
    seen({ generation: 5 }),
    'leave',
    6,
  ],
] as const)('%s', (_, target, comparison, action, raise_to) => {
  expect(planTarget(target, comparison)).toMatchObject({ action, raise_to });
});

it('a restart that is to come tells whom it disconnects', () => {
  expect(planTarget(pending('restart', 5), seen({ sessions: 2 }))).toMatchObject({ steps: ['restart-target'], disconnects: 2 });
});

it('what cannot be done is told with its reason, and is no target that is left as it should be', () => {
  const planned = planTarget(record(), seen({ shown: false, obstacle: { code: 'BACKING_FILE_MISSING', step: 'create-backstore' } }));

  expect(planned).toMatchObject({ action: 'create', obstacle: 'BACKING_FILE_MISSING' });
  expect(isAsItShouldBe(planned)).toBe(false);
});

it('counts each target once, and those that are raised beside', () => {
  const targets = [planTarget(record(), seen()), planTarget(record(), seen({ generation: 4 })), planTarget(record(), seen({ steps }))];

  expect(countPlanned(targets)).toEqual({ create: 0, change: 1, delete: 0, leave: 2, raise: 1 });
  expect(targets.map(isAsItShouldBe)).toEqual([true, false, false]);
});

it('is named by what it would do, and by nothing that changes by itself', () => {
  const name = (comparison: Comparison, adoptable: string[] = []) => planName([planTarget(record(), comparison)], adoptable);

  expect(name(seen({ sessions: 5 }))).toBe(name(seen()));
  expect(new Set([seen(), seen({ steps }), seen({ generation: 4 }), seen({ generation: 5 })].map((one) => name(one))).size).toBe(4);
  expect(name(seen(), ['iqn.2025-01.io.spindle:x'])).not.toBe(name(seen()));
});

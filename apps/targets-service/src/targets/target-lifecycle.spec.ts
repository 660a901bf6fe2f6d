import fc from 'fast-check';
import { STAGES, TRANSITIONS, stageOf, transition, type Stage, type Trigger } from './target-lifecycle';

const triggers: Trigger[] = [
  'create-requested',
  'delete-requested',
  'restart-requested',
  'node-done',
  'node-failed',
  'node-refused',
  'drift-to-repair',
  'drift-seen',
  'drift-gone',
];

describe('the life of a target', () => {
  it('has one way on for each stage and trigger', () => {
    const ways = TRANSITIONS.map(({ from, on }) => `${from} ${on}`);

    expect(new Set(ways).size).toBe(ways.length);
  });

  it('tells every stage from its row', () => {
    for (const [stage, row] of Object.entries(STAGES)) expect(stageOf(row)).toBe(stage);
  });

  it('ends in deleted and nowhere else', () => {
    const ends = Object.keys(STAGES).filter((stage) => !TRANSITIONS.some(({ from }) => from === stage));

    expect(ends).toEqual(['deleted']);
  });

  it('can be deleted from wherever it lives', () => {
    const living: Stage[] = ['creating', 'active', 'restarting', 'repairing', 'failed'];

    expect(living.filter((stage) => transition(stage, 'delete-requested')?.to !== 'deleting')).toEqual([]);
  });

  it('always has a way to its end, whatever happened before', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...triggers), { maxLength: 40 }), (happened) => {
        let stage: Stage = 'creating';
        for (const trigger of happened) stage = transition(stage, trigger)?.to ?? stage;

        const deleting = transition(stage, 'delete-requested')?.to ?? stage;
        const end = transition(deleting, 'node-done')?.to ?? deleting;

        expect(end).toBe('deleted');
      }),
    );
  });

  it('announces created only after the node was right', () => {
    expect(TRANSITIONS.filter(({ event }) => event === 'target.created')).toEqual([
      { from: 'creating', on: 'node-done', to: 'active', event: 'target.created', wishes: 0 },
    ]);
  });
});

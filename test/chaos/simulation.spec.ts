import { Prng } from './prng';
import { Simulation, type Bugs } from './simulation';

/** SIMULATION_SEEDS for the long profile; SIMULATION_SEED replays one. */
const SEEDS = Number(process.env.SIMULATION_SEEDS ?? 3_000);
const only = process.env.SIMULATION_SEED;
const MOVES = 250;

const firstFailure = (seeds: number, bugs?: Bugs) => {
  for (let seed = 1; seed <= seeds; seed++) {
    const problems = new Simulation(new Prng(seed), bugs).run(MOVES);
    if (problems.length > 0) return { seed, problems };
  }
  return undefined;
};

it(`${only ? `seed ${only}` : `${SEEDS} seeds`} of a simulated product lose, double and leave nothing`, () => {
  expect(only ? new Simulation(new Prng(Number(only))).run(MOVES) : firstFailure(SEEDS)).toEqual(only ? [] : undefined);
}, 300_000);

it.each<Bugs>([{ skipGenerations: true }, { markBeforePublish: true }, { forgetInbox: true }, { timeoutIsFailure: true }])(
  'the simulation sees %j',
  (bugs) => expect(firstFailure(500, bugs)).toBeDefined(),
);

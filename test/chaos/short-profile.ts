import { startSpindleForTests, type SpindleForTests } from '../harness/spindle-for-tests';
import { FAULTS } from './faults';
import { makePlaces, runOnce } from './run';
import type { Place } from './traffic';

/** Defines the tests of the short profile: `npm run chaos` has every point and as many seeds as there is time for. */
export const shortProfile = (
  engine: 'targetcli' | 'configfs',
  points: string[],
): { spindle: () => SpindleForTests; places: () => Place[] } => {
  let spindle: SpindleForTests;
  let places: Place[];

  beforeAll(async () => {
    spindle = await startSpindleForTests(`chaos-${engine}`, { LIO_ENGINE: engine });
    places = await makePlaces(spindle);
  }, 120_000);

  afterAll(() => spindle?.end(), 30_000);

  it.each(points)(
    'a process that dies at %s loses, doubles and leaves nothing',
    async (name) => {
      const result = await runOnce(
        spindle,
        places,
        FAULTS.find((fault) => fault.name === name)!,
        1,
      );

      expect(result).toMatchObject({ violations: [], struck: true });
      expect(result.recoveryMs).toBeLessThan(30_000);
    },
    150_000,
  );
  return { spindle: () => spindle, places: () => places };
};

import { CRASHES } from './crash-faults';
import type { Fault } from './strike';
import { WORLD } from './world-faults';

/** Everything that `npm run chaos` can do to a Spindle, by name. */
export const FAULTS: Fault[] = [...CRASHES, ...WORLD];

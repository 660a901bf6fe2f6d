import type { Proof } from './proof';
import { proveCanary } from './prove-canary';
import { proveFailClosed } from './prove-fail-closed';

/** In the order of the report. */
export const PROOFS: Proof[] = [proveFailClosed, proveCanary];

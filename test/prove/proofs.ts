import type { Proof } from './proof';

/** In the order of the report. */
export const PROOFS: Proof[] = [];

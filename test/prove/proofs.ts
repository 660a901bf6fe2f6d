import type { Proof } from './proof';
import { proveAudit } from './prove-audit';
import { proveParser } from './prove-parser';
import { proveUnits } from './prove-units';

/** In the order of the report. */
export const PROOFS: Proof[] = [proveAudit, proveParser, proveUnits];

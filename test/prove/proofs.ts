import type { Proof } from './proof';
import { proveAudit } from './prove-audit';
import { proveCanary } from './prove-canary';
import { proveDoors } from './prove-doors';
import { proveFailClosed } from './prove-fail-closed';
import { proveMatrix } from './prove-matrix';
import { proveParser } from './prove-parser';
import { proveRestore } from './prove-restore';
import { proveUnits } from './prove-units';

/** In the order of the report. */
export const PROOFS: Proof[] = [proveAudit, proveFailClosed, proveMatrix, proveParser, proveDoors, proveCanary, proveUnits, proveRestore];

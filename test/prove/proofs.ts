import type { Proof } from './proof';
import { proveAudit } from './prove-audit';

/** In the order of the report. */
export const PROOFS: Proof[] = [proveAudit];

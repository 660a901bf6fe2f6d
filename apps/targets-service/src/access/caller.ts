import type { HeldKey } from './idempotency.store';
import type { Identity } from './authenticate';

/** Who asks, and how; every use case gets one. */
export interface Caller extends Omit<Identity, 'username' | 'proof'> {
  actor: string;
  requestId: string;
  /** Where from, and by which API token. */
  source: string;
  /** When the caller is to have an answer, finished or not; milliseconds of the epoch. */
  replyBy: number;
  /** Of a command that its caller may send again; the change notes it in its transaction. */
  key?: HeldKey;
}

/** What the service does of itself: reacting to a node, or finishing an operation. */
export const SYSTEM = { actor: 'system', source: 'system' } as const;

import type { SpindleForTests } from '../harness/spindle-for-tests';
import type { Prng } from './prng';

export interface SettledTarget {
  id: string;
  iqn: string;
  initiator_iqn: string;
  disk_id: string;
  /** Others may be on its disk. */
  read_only: boolean;
  /** Whether initiators have to prove who they are. */
  chap: boolean;
  version: number;
}

/** What a fault may look at and decide with. */
export interface Strike {
  spindle: SpindleForTests;
  prng: Prng;
  /** Whether clients still ask for something. */
  busy: () => boolean;
  /** Targets that are ACTIVE now, and of which no client wants anything any more. */
  settled: () => Promise<SettledTarget[]>;
}

export interface Fault {
  name: string;
  /**
   * Before the traffic begins. What it resolves with is called while the traffic runs, and resolves when what was hurt says that it
   * is ready again: whether it was hurt at all.
   */
  arm: (strike: Strike) => Promise<() => Promise<boolean>>;
  /** It makes targetcli misbehave: a node whose engine is another one does not notice. */
  ofTargetcli?: boolean;
  /** JetStream is emptied. */
  wipesStream?: boolean;
  /** Codes of `last_error` that a target in ERROR may have after it: the node could not do it, undid it, and said so. */
  mayFailWith?: readonly string[];
}

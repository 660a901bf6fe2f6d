/** What a run is judged by: what clients were told, and what everybody who remembers anything says afterwards. */

export type Action = 'create' | 'delete' | 'restart';

export interface Operation {
  machine: string;
  action: Action;
  via: 'http' | 'nats';
  key: string;
  /** Of a delete or restart. */
  target?: string;
  /** Another client wants the same at the same moment: one of them may be refused. */
  racing: boolean;
  /** A create with CHAP. */
  chap?: boolean;
  attempts: number;
  /** Target id of each acknowledgement, and code of each refusal that is final. */
  acknowledged: string[];
  refused: string[];
  /** Neither, however often it was tried. */
  unanswered: boolean;
  settledAt: number;
}

export interface TargetRow {
  id: string;
  iqn: string;
  machine_id: string;
  initiator_iqn: string;
  status: 'PENDING' | 'ACTIVE' | 'INACTIVE' | 'ERROR';
  operation: string | null;
  version: number;
  read_only: boolean;
  disk_id: string;
  /** Code of its last error. */
  error: string | null;
}

export interface KernelTarget {
  iqn: string;
  tpgs: number;
  enabled: boolean;
  /** 0 where nobody gets in without an ACL. */
  generatesAcls: boolean;
  luns: { lun: number; backstore: string }[];
  acls: { initiator: string; luns: { lun: number; readOnly: boolean }[] }[];
  portals: number;
}

export interface OutboxRow {
  position: number;
  message_id: string;
  kind: 'event' | 'audit';
  target: string;
  sequence: number | null;
  /** It changed nothing: a refusal, or secrets that were shown. */
  denied: boolean;
}

export interface Facts {
  operations: Operation[];
  /** Targets of the run's machines, this run's only. */
  targets: TargetRow[];
  kernel: { targets: KernelTarget[]; backstores: string[] };
  journal: { live: string[]; backstores: string[] };
  /** Events and audit intents of those targets, by position. */
  outbox: OutboxRow[];
  unpublished: number;
  /** Events in the stream, in its order. Only what was published since the run began. */
  stream: { id: string; target: string; sequence: number }[];
  /** The stream was lost on purpose and filled again: its order is that of the second filling. */
  streamWiped: boolean;
  entries: { seq: number; id: string }[];
  /** Places missing or given out twice in the whole trail. */
  trailGaps: number;
  /** Codes with which a create may end, its node clean and its caller told: `Fault.mayFailWith`. */
  mayFailWith: readonly string[];
}

export interface Violation {
  kind: 'lost' | 'doubled' | 'orphaned' | 'open' | 'events' | 'audit' | 'answer' | 'late';
  what: string;
}

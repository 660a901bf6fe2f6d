import type { NodeReport } from '#contracts';

/** What the executor of a healthy node without targets reports; `who` is what none of it can do without. */
export const nodeReport = (who: Pick<NodeReport, 'node_id' | 'instance' | 'sealing_key'>, more: Partial<NodeReport> = {}): NodeReport => ({
  ...who,
  connection: 1,
  previous_instances: [],
  drifted: [],
  drift_known: true,
  drift_policy: 'repair',
  name: who.node_id,
  status: 'online',
  message: null,
  portal: { address: '192.0.2.1', port: 3260 },
  targets: 0,
  queued: 0,
  versions: {},
  foreign: [],
  adoptable: [],
  checks: [],
  saved_config: { state: 'none', at: null, message: null },
  sessions: [],
  ...more,
});

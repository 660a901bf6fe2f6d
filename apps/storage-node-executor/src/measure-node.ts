import { gauge } from '#runtime';
import type { NodeParts } from './node-parts';
import type { NodeRestorer } from './restore-node';

const EVERY_MS = 1_000;

const queued = gauge('spindle_node_queued_wishes', 'Wishes that wait for their turn on this node');
const wedged = gauge('spindle_node_wedged', '1 while a targetcli process hangs in the kernel');
const hung = gauge('spindle_node_hung_processes', 'Processes of targetcli that do not end, not even when killed');
const started = gauge('spindle_node_targetcli_started', 'Processes of targetcli started by this executor');
const lockWait = gauge('spindle_node_lock_wait_seconds', 'How long wishes have waited for a targetcli lock that another program holds');
const unsaved = gauge('spindle_node_config_unsaved', '1 while the saved configuration is not up to date');
const unsavedFor = gauge('spindle_node_config_unsaved_seconds', 'Age of the oldest change that is not in the saved configuration');
const held = gauge('spindle_node_lease_held', '1 while this executor is the one that may change the node');
const restoring = gauge('spindle_node_restoring', '1 from a start until all that is wished of the node is there');
const drifted = gauge('spindle_node_drifted_targets', 'Targets that differ from their wish');
const memory = gauge('spindle_node_root_memory_bytes', 'Memory of the executor’s root part');

const read = ({ queue, lease, nodeLease, saver, scan }: NodeParts, restorer: NodeRestorer): void => {
  queued.set(queue.length);
  hung.set(lease.hung().length);
  wedged.set(lease.wedged() ? 1 : 0);
  started.set(lease.started);
  lockWait.set(lease.lockWaitMs() / 1_000);
  unsaved.set(['none', 'saved'].includes(saver.state.state) ? 0 : 1);
  unsavedFor.set(saver.unsavedMs() / 1_000);
  held.set(nodeLease.held() ? 1 : 0);
  restoring.set(restorer.restoring ? 1 : 0);
  drifted.set(scan.size);
  memory.set(process.memoryUsage.rss());
};

/** What has no event of its own is read every second. */
export const measureNode = (parts: NodeParts, restorer: NodeRestorer): void => {
  read(parts, restorer);
  setInterval(read, EVERY_MS, parts, restorer).unref();
};

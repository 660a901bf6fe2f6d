import { createLog } from '#runtime';
import { Journal } from '../../apps/storage-node-executor/src/journal';
import { ConfigfsTree } from '../../apps/storage-node-executor/src/lio/configfs';
import { TargetcliLease } from '../../apps/storage-node-executor/src/lio/targetcli-lease';
import { TargetcliAdapter } from '../../apps/storage-node-executor/src/lio/targetcli.adapter';
import { NodeLease } from '../../apps/storage-node-executor/src/node-lease';

/** In the lab's memory: the file system of the images is none of what is measured. */
export const IMAGES = '/run/bench';
/** On the lab's disk, as an executor's is. */
export const JOURNAL = '/var/lib/spindle/bench-journal';

export type EngineName = 'targetcli' | 'configfs';
export const silent = createLog('bench', 'silent');

/** What the root part of an executor works with. */
export const openEngine = (engine: EngineName) => {
  const nodeLease = new NodeLease();
  nodeLease.grant(Infinity);
  const settings = {
    engine,
    path: '/usr/bin/targetcli',
    home: '/run/bench-home',
    timeoutMs: 120_000,
    lockWaitMs: 1_000,
    idleMs: 100,
    burstMs: 600_000,
  };
  const lease = new TargetcliLease(settings, nodeLease);
  const adapter = new TargetcliAdapter(nodeLease, lease, new ConfigfsTree(), {
    portal: { address: '10.0.2.15', port: 3260 },
    imageRoot: IMAGES,
    targetPrefix: 'iqn.2025-01.io.spindle',
    savedConfigFile: '/etc/rtslib-fb-target/saveconfig.json',
  });
  return { nodeLease, adapter, journal: Journal.open(JOURNAL), close: () => lease.release() };
};
export type Engine = ReturnType<typeof openEngine>;

import { mkdirSync } from 'node:fs';
import { ConfigfsTree } from '../../apps/storage-node-executor/src/lio/configfs';
import type { TargetCLIError } from '../../apps/storage-node-executor/src/lio/targetcli-errors';
import { TargetcliLease } from '../../apps/storage-node-executor/src/lio/targetcli-lease';
import { ChangeFailed, TargetcliAdapter } from '../../apps/storage-node-executor/src/lio/targetcli.adapter';
import { NodeLease } from '../../apps/storage-node-executor/src/node-lease';

/**
 * Runs inside the lab: calls methods of the adapter in the order of argv[2], `[[method, ...arguments], …]`, and prints what each
 * came to as JSON. Two are none of them: `['lease', ms]` grants the node for so long from now, or ends that with 0, and `['by-hand', folder]`
 * makes a folder of configfs past everything.
 */
const main = async (): Promise<void> => {
  const nodeLease = new NodeLease();
  nodeLease.grant(Infinity);
  const lease = new TargetcliLease(
    {
      engine: process.argv[3] === 'configfs' ? 'configfs' : 'targetcli',
      path: '/usr/bin/targetcli',
      home: '/run/adapter-driver',
      timeoutMs: 20_000,
      lockWaitMs: 1_000,
      idleMs: 100,
      burstMs: 300,
    },
    nodeLease,
  );
  const adapter = new TargetcliAdapter(nodeLease, lease, new ConfigfsTree(), {
    portal: { address: '10.0.2.15', port: 3260 },
    imageRoot: '/data/images',
    targetPrefix: 'iqn.2025-01.io.spindle',
    savedConfigFile: '/etc/rtslib-fb-target/saveconfig.json',
  });
  const methods = adapter as unknown as Record<string, (...given: unknown[]) => unknown>;
  const outcomes: unknown[] = [];
  for (const [method, ...given] of JSON.parse(process.argv[2]!) as [string, ...unknown[]][])
    try {
      if (method === 'lease') {
        nodeLease.end();
        nodeLease.grant(performance.now() + Number(given[0]));
        outcomes.push('done');
      } else if (method === 'by-hand') outcomes.push(mkdirSync(String(given[0]), { recursive: true }) && 'done');
      else outcomes.push((await methods[method]!.apply(adapter, given)) ?? 'done');
    } catch (error) {
      const { name, code, step } = (error instanceof ChangeFailed ? error.fault : error) as Partial<TargetCLIError>;
      outcomes.push({ name, code, step, ...(error instanceof ChangeFailed && !error.undone ? { undone: false } : {}) });
    }
  await lease.release();
  process.stdout.write(JSON.stringify({ outcomes, started: lease.started }));
};

void main();

import type { NodeReport, NodeReportReply } from '#contracts';
import type { StorageNode } from '../inventory/node.entity';

/**
 * Whether this process of an executor becomes, or stays, the one writer of its node. Another one's lease must have run out,
 * unless it is the one before on the same state folder: that one is dead, the executor holds a lock that proves it.
 */
export const grantLease = (known: StorageNode | null, report: NodeReport, now: Date, leaseMs: number): NodeReportReply => {
  const holder = known?.instance ?? null;
  const free = !known || known.lease_until <= now;
  if (holder === null || holder === report.instance || report.previous_instances.includes(holder) || free)
    return { accepted: true, lease_ms: leaseMs, reason: null, held: false };
  return { accepted: false, lease_ms: 0, reason: `Another executor is at work for node ${report.node_id}.`, held: false };
};

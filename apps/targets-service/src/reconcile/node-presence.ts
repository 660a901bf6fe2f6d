import type { EntityManager } from 'typeorm';
import type { EventName, NodeReport, NodeReportReply, NodeStatus } from '#contracts';
import { inTransaction } from '#database';
import { gauge, newId, sleep } from '#runtime';
import { SYSTEM } from '../access/caller';
import { StorageNode } from '../inventory/node.entity';
import { lockNode, presentNode, saveNode, silentNodes } from '../inventory/node.store';
import { appendAudit, appendEvent } from '../outbox/outbox';
import type { Parts } from '../parts';
import { hastenOperations } from '../targets/target.store';
import { recordDrift } from './drift';
import { announceLogins } from './initiator-logins';
import { grantLease } from './node-lease';

const SWEEP_MS = 1_000;

const online = gauge('spindle_node_online', '1 while a storage node reports', ['node']);

const STATUS: Record<NodeReport['status'], NodeStatus> = { online: 'online', wedged: 'wedged', stopping: 'offline' };

/**
 * Takes a node's report and answers whether its process may change the node: the first report registers it, one after a
 * silence or on a new connection makes its waiting operations due. A held node is told so, and its drift begins no repair. A report of a process that does not hold the node changes nothing.
 */
export const recordReport = async (parts: Parts, report: NodeReport): Promise<NodeReportReply> => {
  const { settings, database, log } = parts;
  const { reply, hastened } = await inTransaction(database, async (tx) => {
    const known = await lockNode(tx, report.node_id);
    const now = new Date();
    const lease = grantLease(known, report, now, settings.NODE_SILENCE_MS);
    if (!lease.accepted) return { reply: lease, hastened: false };
    const heldAt = known ? known.held_at : settings.RECONCILE === 'plan' ? now : null;
    const leaving = report.status === 'stopping';
    const node = Object.assign(new StorageNode(), {
      id: report.node_id,
      name: report.name,
      status: STATUS[report.status],
      version: known?.version ?? 0,
      portal_address: report.portal.address,
      portal_port: report.portal.port,
      last_seen_at: now,
      instance: report.instance,
      lease_until: leaving ? now : new Date(now.getTime() + lease.lease_ms),
      cordoned: known?.cordoned ?? false,
      held_at: heldAt,
      report,
    });
    if (known) await announceLogins(tx, node.id, known.report.sessions, report.sessions);
    await saveWithEvent(tx, known, node);
    if (heldAt) return { reply: { ...lease, held: true }, hastened: false };
    const back = node.status === 'online' && !(known?.status === 'online' && sameConnection(known.report, report));
    if (back) await hastenOperations(tx, node.id);
    const repairs = node.status === 'online' ? await recordDrift(tx, report) : 0;
    return { reply: lease, hastened: back || repairs > 0 };
  });
  if (!reply.accepted) log.warn({ node_id: report.node_id, instance: report.instance }, 'a second executor asked for a node');
  else online.set({ node: report.node_id }, report.status === 'online' ? 1 : 0);
  if (hastened) parts.operations.nudge();
  parts.relay.nudge();
  return reply;
};

/** Otherwise a wish or its answer may have been lost on the way, and nobody would tell. */
const sameConnection = (a: NodeReport, b: NodeReport): boolean => a.instance === b.instance && a.connection === b.connection;

/** online and wedged nodes both answer: only silence, or a stop, is offline. */
const saveWithEvent = async (tx: EntityManager, known: StorageNode | null, node: StorageNode): Promise<void> => {
  const event = eventOf(known?.status, node.status);
  if (event) node.version++;
  await saveNode(tx, node);
  if (!event) return;
  const requestId = newId();
  const after = presentNode(node);
  await appendEvent(tx, event, node.id, node.version, after, { ...SYSTEM, requestId });
  await appendAudit(tx, {
    ...SYSTEM,
    action: event,
    resource: { type: 'node', id: node.id },
    outcome: 'allowed',
    code: null,
    requestId,
    before: known && { status: known.status, last_seen_at: known.last_seen_at },
    after: { status: node.status, message: after.message, versions: after.versions, portal: after.portal },
  });
};

const eventOf = (before: NodeStatus | undefined, now: NodeStatus): Extract<EventName, 'node.online' | 'node.offline'> | undefined => {
  const wasHere = before === 'online' || before === 'wedged';
  const isHere = now === 'online' || now === 'wedged';
  if (wasHere === isHere) return undefined;
  return isHere ? 'node.online' : 'node.offline';
};

/** Looks for nodes that have fallen silent, until `leaving`. */
export const watchSilence = async (parts: Parts, leaving: AbortSignal): Promise<void> => {
  while (!leaving.aborted) {
    await sleep(SWEEP_MS, leaving);
    await inTransaction(parts.database, async (tx) => {
      for (const node of await silentNodes(tx, parts.settings.NODE_SILENCE_MS)) {
        await saveWithEvent(tx, node, Object.assign(new StorageNode(), node, { status: 'offline' as const }));
        online.set({ node: node.id }, 0);
        parts.log.warn({ node_id: node.id, last_seen_at: node.last_seen_at }, 'a storage node has fallen silent');
      }
    }).catch((err: unknown) => parts.log.warn({ err }, 'nodes could not be looked at'));
  }
};

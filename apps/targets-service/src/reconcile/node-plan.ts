import {
  CompareReply,
  ListShownReply,
  MOST_COMPARED,
  MOST_PLANNED,
  Refused,
  type GetNodePlan,
  type InputOf,
  type NodePlanResponse,
  type PlannedTarget,
} from '#contracts';
import { inDatabase } from '#database';
import { sleep } from '#runtime';
import type { Caller } from '../access/caller';
import type { StorageNode } from '../inventory/node.entity';
import { findNode } from '../inventory/node.store';
import type { Parts } from '../parts';
import { isOurName } from '../targets/adoption';
import { plannedTargetsOf } from '../targets/target.store';
import { askNode } from './ask-node';
import { countPlanned, isAsItShouldBe, planName, planTarget } from './plan-target';
import { currentWish } from './target-wish';

const POLL_MS = 200;
const SHOWN_AT_ONCE = 500;
const MOST_ADOPTABLE = 200;

/** Of a whole node. */
export interface NodePlan {
  name: string;
  plannedAt: Date;
  targets: PlannedTarget[];
  adoptable: { iqn: string; sessions: number }[];
  foreign: number;
}

/**
 * What would be done to a node to bring it to the records. It asks and reads only.
 * @throws Refused NODE_NOT_FOUND; NODE_OFFLINE when the node has not reported by the time that the caller waits; NODE_KEY_MISSING
 */
export const getNodePlan = async (parts: Parts, { id }: InputOf<typeof GetNodePlan>, caller: Caller): Promise<NodePlanResponse> => {
  const node = await nodeThatReports(parts, id, caller.replyBy);
  return presentPlan(node, await makePlan(parts, node, caller.requestId));
};

/** A node that is held is waited for: right after a start no executor may have found us yet, and what is stored of it may be old. */
export const nodeThatReports = async (parts: Parts, id: string, replyBy: number): Promise<StorageNode> => {
  for (;;) {
    const node = await inDatabase(parts.database, (tx) => findNode(tx, id));
    if (!node) throw new Refused('NODE_NOT_FOUND');
    const heard = node.held_at === null || node.last_seen_at >= node.held_at;
    if (heard && node.status !== 'offline') return node;
    if (node.held_at === null) throw new Refused('NODE_OFFLINE');
    if (Date.now() + POLL_MS > replyBy)
      throw new Refused('NODE_OFFLINE', {
        hint: heard
          ? 'It has fallen silent.'
          : 'It has not reported since it is held: its executor may not have started or not found NATS yet.',
      });
    await sleep(POLL_MS);
  }
};

export const makePlan = async (parts: Parts, node: StorageNode, requestId: string): Promise<NodePlan> => {
  const targets = await planRecords(parts, node, requestId);
  const recorded = new Set(targets.map(({ iqn }) => iqn));
  const unknown = (await shownBy(parts, node.id, requestId)).filter(({ iqn }) => !recorded.has(iqn));
  const adoptable = unknown.filter(({ iqn }) => isOurName(parts.settings.ISCSI_TARGET_PREFIX, iqn));
  const name = planName(
    targets,
    adoptable.map(({ iqn }) => iqn),
  );
  return { name, plannedAt: new Date(), targets, adoptable, foreign: unknown.length - adoptable.length };
};

const planRecords = async (parts: Parts, node: StorageNode, requestId: string): Promise<PlannedTarget[]> => {
  const planned: PlannedTarget[] = [];
  for (let after: string | null = null; ;) {
    const { records, wishes } = await inDatabase(parts.database, async (tx) => {
      const page = await plannedTargetsOf(tx, node.id, after, MOST_COMPARED);
      const whole = [];
      for (const target of page) {
        const sealed = target.status === 'ERROR' || target.operation === 'delete' ? null : await parts.chap.forNode(tx, target, node);
        whole.push(currentWish(target, sealed));
      }
      return { records: page, wishes: whole };
    });
    if (records.length === 0) return planned;
    const options = { requestId, timeoutMs: parts.settings.NODE_REQUEST_TIMEOUT_MS };
    const { comparisons } = await askNode(parts, node.id, 'compare', { wishes }, CompareReply, options);
    const byId = new Map(comparisons.map((comparison) => [comparison.target_id, comparison]));
    for (const record of records) {
      const comparison = byId.get(record.id);
      if (!comparison) throw new Refused('INTERNAL');
      planned.push(planTarget(record, comparison));
    }
    if (records.length < MOST_COMPARED) return planned;
    after = records.at(-1)!.id;
  }
};

const shownBy = async (parts: Parts, nodeId: string, requestId: string): Promise<ListShownReply['targets']> => {
  const shown: ListShownReply['targets'] = [];
  const options = { requestId, timeoutMs: parts.settings.NODE_REQUEST_TIMEOUT_MS };
  for (let after: string | null = null; ;) {
    const page: ListShownReply = await askNode(parts, nodeId, 'list-targets', { after, limit: SHOWN_AT_ONCE }, ListShownReply, options);
    shown.push(...page.targets);
    if (page.next === null) return shown;
    after = page.next;
  }
};

export const presentPlan = (node: StorageNode, { name, plannedAt, targets, adoptable, foreign }: NodePlan): NodePlanResponse => {
  const told = targets.filter((target) => !isAsItShouldBe(target));
  return {
    node_id: node.id,
    held: node.held_at !== null,
    planned_at: plannedAt.toISOString(),
    plan: name,
    counts: countPlanned(targets),
    targets: told.slice(0, MOST_PLANNED),
    omitted: Math.max(0, told.length - MOST_PLANNED),
    adoptable: adoptable.slice(0, MOST_ADOPTABLE),
    foreign,
  };
};

import type { EntityManager } from 'typeorm';
import { Refused, type AcceptNodePlan, type InputOf, type NodePlanResponse } from '#contracts';
import { inTransaction } from '#database';
import { crashPoint } from '#runtime';
import type { Caller } from '../access/caller';
import { lockNode, setHold } from '../inventory/node.store';
import { recordChange } from '../inventory/record-change';
import type { Parts } from '../parts';
import { changeTarget } from '../targets/change-target';
import { hastenOperations, lockTarget } from '../targets/target.store';
import { makePlan, nodeThatReports, presentPlan, type NodePlan } from './node-plan';
import { countPlanned, isAsItShouldBe } from './plan-target';

/**
 * Ends the hold of a node. What its plan would do is done from now on, by operations as any; records that the node is ahead of get a
 * generation above what it has seen. It is the plan that was read, or none.
 * @throws Refused NODE_NOT_FOUND, NODE_NOT_HELD, NODE_OFFLINE, NODE_KEY_MISSING, PLAN_CHANGED
 */
export const acceptNodePlan = async (
  parts: Parts,
  { id, plan: asked }: InputOf<typeof AcceptNodePlan>,
  caller: Caller,
): Promise<NodePlanResponse> => {
  const node = await nodeThatReports(parts, id, caller.replyBy);
  if (!node.held_at) throw new Refused('NODE_NOT_HELD');
  const plan = await makePlan(parts, node, caller.requestId);
  if (plan.name !== asked) throw new Refused('PLAN_CHANGED');
  const answer = await inTransaction(parts.database, (tx) => recordAcceptance(tx, id, plan, caller));
  crashPoint('targets.committed');
  parts.relay.nudge();
  parts.operations.nudge();
  return answer;
};

const recordAcceptance = async (tx: EntityManager, id: string, plan: NodePlan, caller: Caller): Promise<NodePlanResponse> => {
  const node = await lockNode(tx, id);
  if (!node?.held_at) throw new Refused('NODE_NOT_HELD');
  // the key of the command is answered with the node's own record
  const cause = { ...caller, key: undefined };
  for (const { target_id, generation, operation, raise_to, ...planned } of plan.targets) {
    if (isAsItShouldBe({ target_id, generation, operation, raise_to, ...planned })) continue;
    const target = await lockTarget(tx, target_id);
    if (!target || target.generation !== generation || target.operation !== operation) throw new Refused('PLAN_CHANGED');
    // what runs already goes on by itself, with its own wishes
    if (operation !== null && raise_to === null) continue;
    await changeTarget(tx, target, 'plan-accepted', { generation: raise_to ?? generation }, { ...cause, action: 'nodes.accept-plan' });
  }
  await setHold(tx, id, null);
  await hastenOperations(tx, id);
  const answer = presentPlan({ ...node, held_at: null }, plan);
  const states = { before: { held_at: node.held_at }, after: { held_at: null, plan: plan.name, ...countPlanned(plan.targets) } };
  await recordChange(tx, 'nodes.accept-plan', { type: 'node', id }, caller, states, answer);
  return answer;
};

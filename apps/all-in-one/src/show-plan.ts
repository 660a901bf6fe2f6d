import type { NodePlanResponse, NodeResponse, Page, PlannedTarget } from '#contracts';
import { GatewayClient, Unexpected } from './gateway-client';

/** A large node takes its time to compare. Below 25 s, the most that the gateway waits. */
const WAIT = { prefer: 'wait=20' };

export interface PlanWay {
  url: string;
  username: string;
  password: string;
}

const clientOf = async ({ url, username, password }: PlanWay): Promise<GatewayClient> => {
  const gateway = new GatewayClient(url);
  await gateway.login(username, password);
  return gateway;
};

/** What would be done to each node, in lines for a person; of one that cannot be asked, why. */
export const showPlans = async (way: PlanWay): Promise<string[]> => {
  const gateway = await clientOf(way);
  const { items } = await gateway.send<Page<NodeResponse>>('GET', '/nodes?limit=200');
  if (items.length === 0) return ['no storage node is known yet'];
  const told: string[] = [];
  for (const { id } of items)
    told.push(
      ...(await gateway.send<NodePlanResponse>('GET', `/nodes/${id}/plan`, undefined, WAIT).then(planLines, (error: unknown) => {
        if (error instanceof Unexpected) return [`${id}: ${error.message}`];
        throw error;
      })),
    );
  return told;
};

/** @throws Unexpected with the reason when it is not the plan that was read, or cannot be accepted */
export const acceptPlan = async (way: PlanWay, node: string, plan: string): Promise<string[]> => {
  const gateway = await clientOf(way);
  const { counts } = await gateway.send<NodePlanResponse>('POST', `/nodes/${node}/plan/accept`, { plan }, WAIT);
  return [`${node} is held no longer: ${countsText(counts)}`];
};

const countsText = (counts: NodePlanResponse['counts']): string =>
  `${counts.create} to create, ${counts.change} to change, ${counts.delete} to delete, ${counts.leave} to leave; ${counts.raise} records to raise`;

const planLines = ({ node_id, held, plan, counts, targets, omitted, adoptable, foreign }: NodePlanResponse): string[] => [
  `${node_id}: ${countsText(counts)}${held ? ` (held; plan ${plan})` : ''}`,
  ...targets.map((target) => `  ${targetLine(target)}`),
  ...(omitted > 0 ? [`  and ${omitted} more`] : []),
  ...adoptable.map(
    ({ iqn, sessions }) => `  left alone, no record knows it: ${iqn}${sessions > 0 ? ` (${sessions} logged in)` : ''}; see nodes.adopt`,
  ),
  ...(foreign > 0 ? [`  left alone, not ours: ${foreign}`] : []),
  ...(held ? [`  accept:  npm run plan -- --accept ${node_id} --plan ${plan}`] : []),
];

const targetLine = ({ action, iqn, operation, generation, raise_to, steps, drift, disconnects, obstacle }: PlannedTarget): string =>
  [
    `${action} ${iqn}`,
    operation && `${operation} is under way`,
    raise_to !== null && `generation ${generation} -> ${raise_to}`,
    steps.length > 0 && steps.join(' '),
    drift.length > 0 && `differs in ${[...new Set(drift.map(({ what }) => what))].join(', ')}`,
    disconnects > 0 && `logs out ${disconnects}`,
    obstacle && `cannot be done: ${obstacle}`,
  ]
    .filter(Boolean)
    .join('; ');

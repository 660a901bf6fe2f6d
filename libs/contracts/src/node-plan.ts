import { z } from 'zod';
import { coded, Id, Iqn, NodeId, Time } from './names';
import { ErrorCodeSchema } from './refused';
import { request } from './request';
import { Drift, TargetOperation, TargetStatus } from './targets';

/** A NATS message holds so many with all that differs; the rest is counted. */
export const MOST_PLANNED = 100;

/** One target of the records, and what would become of it on its node. */
export const PlannedTarget = z
  .object({
    target_id: Id,
    iqn: Iqn,
    status: TargetStatus,
    operation: TargetOperation.nullable(),
    action: z
      .enum(['create', 'change', 'delete', 'leave'])
      .describe('change: the kernel has the target, and shows it otherwise than the record. leave: nothing of it would be touched.'),
    generation: z.int().describe('Of the record.'),
    raise_to: z
      .int()
      .nullable()
      .describe(
        'The node has seen a later wish than the record holds, and would refuse this one: the generation that it would get. Else null.',
      ),
    steps: z.array(z.string()).describe('What the node would do, in order.'),
    drift: z.array(Drift).describe('Where the kernel differs from the record.'),
    disconnects: z.int().describe('Initiators that would be logged out, at most.'),
    obstacle: ErrorCodeSchema.nullable().describe('Why the node could not do it as things are.'),
  })
  .meta({ id: 'PlannedTarget' });

export const NodePlanResponse = z
  .object({
    node_id: NodeId,
    held: z.boolean().describe('Nothing is sent to the node until its plan is accepted.'),
    planned_at: Time,
    plan: z.string().describe('Names this plan, by all that it would do: to accept it is to name it.'),
    counts: z.object({
      create: z.int(),
      change: z.int(),
      delete: z.int(),
      leave: z.int(),
      raise: z.int().describe('Records whose generation would be raised, whatever else is done.'),
    }),
    targets: z.array(PlannedTarget).describe(`Those that would not be left as they are, record and all. At most ${MOST_PLANNED}.`),
    omitted: z.int().describe('How many more there are.'),
    adoptable: z
      .array(z.object({ iqn: z.string(), sessions: z.int() }))
      .describe('Targets under names of ours that no live record has: left alone. nodes.adopt may take them over. At most 200.'),
    foreign: z.int().describe('Targets under other names: left alone.'),
  })
  .meta({ id: 'NodePlanResponse' });

export const GetNodePlan = request({
  subject: 'nodes.plan',
  kind: 'query',
  summary: 'What would be done to a storage node to bring it to the records: nothing is touched by asking',
  input: z.strictObject({ id: NodeId }),
  output: NodePlanResponse,
  http: { method: 'GET', path: '/nodes/{id}/plan', success: [200] },
  errors: ['NODE_NOT_FOUND', 'NODE_OFFLINE', 'NODE_KEY_MISSING'],
});

export const AcceptNodePlan = request({
  subject: 'nodes.accept-plan',
  kind: 'command',
  summary: 'Accept the plan of a held storage node: generations are raised where the plan says so, and the node is held no longer',
  input: z.strictObject({
    id: NodeId,
    plan: z
      .string(coded('WRONG_TYPE', 'must be text'))
      .regex(/^[A-Za-z0-9_-]{1,64}$/, coded('INVALID_VALUE', 'must be the plan that was read')),
  }),
  output: NodePlanResponse,
  http: { method: 'POST', path: '/nodes/{id}/plan/accept', success: [200] },
  errors: ['NODE_NOT_FOUND', 'NODE_OFFLINE', 'NODE_KEY_MISSING', 'NODE_NOT_HELD', 'PLAN_CHANGED'],
});

export type PlannedTarget = z.infer<typeof PlannedTarget>;
export type NodePlanResponse = z.infer<typeof NodePlanResponse>;

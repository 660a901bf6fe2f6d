import { z } from 'zod';
import { AnyJson, Id, NodeId, Time } from './names';
import { NodeResponse } from './nodes';
import { Drift, TargetResponse } from './targets';

export const InitiatorData = z
  .object({ target_id: Id, machine_id: Id, node_id: NodeId, initiator_iqn: z.string(), address: z.string().nullable() })
  .meta({ id: 'InitiatorEventData' });

const DriftedTarget = TargetResponse.extend({ drift: z.array(Drift) }).meta({ id: 'DriftedTarget' });

/** Every event by its subject, with the schema of its `data`. */
export const EVENTS = {
  'target.requested': { data: TargetResponse, summary: 'An operation on a target was accepted; operation says which.' },
  'target.created': { data: TargetResponse, summary: 'The kernel shows the target as asked.' },
  'target.failed': { data: TargetResponse, summary: 'Create or restart failed; last_error says where, and the node is clean.' },
  'target.restarted': { data: TargetResponse, summary: 'The target was deleted and recreated.' },
  'target.deleted': { data: TargetResponse, summary: 'The target is gone from the kernel.' },
  'target.drifted': { data: DriftedTarget, summary: 'The kernel no longer shows what was asked.' },
  'target.repaired': { data: TargetResponse, summary: 'A drifted target is as asked again.' },
  'node.online': { data: NodeResponse, summary: 'A storage node reports again, or for the first time.' },
  'node.offline': { data: NodeResponse, summary: 'A storage node has fallen silent or said that it stops.' },
  'initiator.connected': { data: InitiatorData, summary: 'An initiator is logged in to a target.' },
  'initiator.disconnected': { data: InitiatorData, summary: 'An initiator is no longer logged in.' },
} as const;

export type EventName = keyof typeof EVENTS;
export const EVENT_NAMES = Object.keys(EVENTS) as EventName[];
export type EventData<N extends EventName> = z.infer<(typeof EVENTS)[N]['data']>;

/** Type of an event in CloudEvents: an incompatible change gets a new version, and both are sent for a time. */
export const eventType = (name: EventName): string => `io.spindle.${name}.v1`;

/** Structured CloudEvents 1.0. `source` and `id` together are unique; `id` is the message id on JetStream too. */
export const cloudEvent = <D extends z.ZodType>(data: D) =>
  z.object({
    specversion: z.literal('1.0'),
    id: Id,
    source: z.string(),
    type: z.string(),
    subject: z.string().describe('Id of the target, node or initiator’s target.'),
    time: Time,
    datacontenttype: z.literal('application/json'),
    sequence: z.int().describe('Version of the subject, contiguous from 1: order by it, drop what is not higher.'),
    correlationid: z.string().describe('Request id of the command that led to it.'),
    actor: z.string().describe('User name, or `system`.'),
    data,
  });

/** Any event, before its `data` is known; consumers ignore fields they do not know. */
export const AnyEvent = cloudEvent(z.record(z.string(), AnyJson)).meta({ id: 'CloudEvent' });
export type AnyEvent = z.infer<typeof AnyEvent>;

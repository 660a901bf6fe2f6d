import { z } from 'zod';
import { listOf, page } from './lists';
import { Iqn, NodeId, Portal, Time, coded } from './names';
import { request } from './request';
import { TargetResponse } from './targets';

export const NodeStatus = z.enum(['online', 'offline', 'wedged']).meta({ id: 'NodeStatus' });

/** A LIO object that Spindle did not make. */
export const ForeignObject = z.object({ kind: z.enum(['target', 'backstore']), name: z.string() }).meta({ id: 'ForeignObject' });

export const NodeCheck = z
  .object({ name: z.string(), ok: z.boolean(), detail: z.string(), fix: z.string().nullable().describe('What to do when it fails.') })
  .meta({ id: 'NodeCheck' });

export const SaveState = z
  .object({
    state: z
      .enum(['none', 'pending', 'saved', 'failed', 'withheld'])
      .describe('withheld: the live state lacks something, so saving would lose it.'),
    at: Time.nullable(),
    message: z.string().nullable(),
  })
  .describe('Whether the node’s own saved configuration is up to date.');

export const NodeResponse = z
  .object({
    id: NodeId,
    name: z.string(),
    status: NodeStatus,
    portal: Portal.describe('What initiators dial.'),
    last_seen_at: Time,
    targets: z.int().describe('Targets of ours that the kernel shows.'),
    versions: z.record(z.string(), z.string()).describe('Kernel, targetcli and executor.'),
    message: z.string().nullable().describe('Why the node is wedged or busy.'),
    foreign: z.array(ForeignObject).describe('Objects that are not ours: reported, never touched. At most 100.'),
    adoptable: z
      .array(z.string())
      .describe(
        'Targets that the kernel shows under names of ours and that this node is not asked to have, as after an older backup was restored: nodes.adopt may take them over. At most 100.',
      ),
    checks: z.array(NodeCheck),
    saved_config: SaveState,
    cordoned: z.boolean().describe('Gets no new targets.'),
    held: z.boolean().describe('Nothing is sent to it until its plan is accepted: see nodes.plan.'),
  })
  .meta({ id: 'NodeResponse' });
export const NodeListResponse = listOf(NodeResponse).meta({ id: 'NodeListResponse' });

export const UpdateNode = request({
  subject: 'nodes.update',
  kind: 'command',
  summary: 'Cordon a storage node, or end that: a cordoned one gets no new targets',
  input: z.strictObject({ id: NodeId, cordoned: z.boolean(coded('WRONG_TYPE', 'must be true or false')) }),
  output: NodeResponse,
  http: { method: 'PATCH', path: '/nodes/{id}', success: [200] },
  errors: ['NODE_NOT_FOUND'],
});

export const AdoptTarget = request({
  subject: 'nodes.adopt',
  kind: 'command',
  summary: 'Take over a target that a storage node shows and no record knows; whoever is logged in stays so',
  input: z.strictObject({ id: NodeId, iqn: Iqn.describe('The target, as `adoptable` of the node names it.') }),
  output: TargetResponse,
  http: { method: 'POST', path: '/nodes/{id}/adopt', success: [200, 202] },
  errors: ['NODE_NOT_FOUND', 'NOT_ADOPTABLE', 'TARGET_DELETED', 'INVALID_IQN', 'NODE_OFFLINE', 'NODE_HELD'],
});

export const ListNodes = request({
  subject: 'nodes.list',
  kind: 'query',
  summary: 'List storage nodes',
  input: z.strictObject({ ...page }),
  output: NodeListResponse,
  http: { method: 'GET', path: '/nodes', success: [200] },
  errors: ['INVALID_CURSOR'],
});

export type NodeStatus = z.infer<typeof NodeStatus>;
export type ForeignObject = z.infer<typeof ForeignObject>;
export type NodeCheck = z.infer<typeof NodeCheck>;
export type SaveState = z.infer<typeof SaveState>;
export type NodeResponse = z.infer<typeof NodeResponse>;

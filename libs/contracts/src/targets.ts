import { z } from 'zod';
import { listOf, page } from './lists';
import { ChapSecret, Id, Iqn, LastError, NodeId, Portal, Time, coded } from './names';
import { request } from './request';

export const TargetStatus = z
  .enum(['PENDING', 'ACTIVE', 'INACTIVE', 'ERROR'], coded('INVALID_VALUE', 'must be PENDING, ACTIVE, INACTIVE or ERROR'))
  .describe(
    'PENDING: an operation runs. ACTIVE: the last read-back from the kernel was right. INACTIVE: not exported, on purpose. ERROR: create or restart failed and the node is clean.',
  )
  .meta({ id: 'TargetStatus' });

export const TargetOperation = z.enum(['create', 'delete', 'restart', 'repair']).meta({ id: 'TargetOperation' });

export const ChapMode = z
  .enum(['none', 'one-way', 'mutual'])
  .describe('none: the initiator’s name alone admits. one-way: the initiator proves a secret. mutual: the target proves one too.')
  .meta({ id: 'ChapMode' });

export const ChapRequest = z
  .strictObject({
    secret: ChapSecret.optional().describe('What the initiator proves to know; made (96 bits) when left out.'),
    mutual: z.boolean(coded('WRONG_TYPE', 'must be true or false')).default(false).describe('The target proves a secret as well.'),
    mutual_secret: ChapSecret.optional().describe('What the target proves to know, another one; made when left out.'),
  })
  .refine(({ mutual, mutual_secret }) => mutual || mutual_secret === undefined, {
    path: ['mutual_secret'],
    error: coded('INVALID_CHAP_SECRET', 'is for mutual only'),
  })
  .refine(({ secret, mutual_secret }) => secret === undefined || secret !== mutual_secret, {
    path: ['mutual_secret'],
    error: coded('INVALID_CHAP_SECRET', 'must be another one than secret'),
  })
  .meta({ id: 'ChapRequest' });

export const ChapCredentials = z
  .object({
    username: z.string().describe('The initiator’s IQN.'),
    secret: z.string(),
    mutual_username: z.string().nullable().describe('The target’s IQN.'),
    mutual_secret: z.string().nullable(),
  })
  .describe('Shown in the answer to the command that set them, and to the same command again under its Idempotency-Key; nowhere else.')
  .meta({ id: 'ChapCredentials' });

export const TargetCreateRequest = z
  .strictObject({
    machine_id: Id.describe('The machine that boots from it.'),
    image_id: Id.describe('The disk image it shows.'),
    session_id: Id.optional().describe('The boot session it belongs to.'),
    initiator_iqn: Iqn.optional().describe('Who may log in; by default the machine’s own.'),
    read_only: z
      .boolean(coded('WRONG_TYPE', 'must be true or false'))
      .optional()
      .describe('By default the image’s. A writable export excludes every other export of the image.'),
    chap: ChapRequest.optional().describe('Left out: as CHAP_DEFAULT of the installation says, usually none.'),
  })
  .meta({ id: 'TargetCreateRequest' });

export const TargetResponse = z
  .object({
    id: Id,
    iqn: Iqn.describe('`<prefix>:<target id>`.'),
    status: TargetStatus,
    operation: TargetOperation.nullable().describe('What runs, null when nothing does.'),
    generation: z.int().describe('Counts wishes for this target; a node refuses a lower one.'),
    machine_id: Id,
    image_id: Id,
    session_id: Id.nullable(),
    node_id: NodeId,
    initiator_iqn: Iqn,
    portal: Portal,
    lun: z.int(),
    read_only: z.boolean(),
    chap: ChapMode,
    chap_credentials: ChapCredentials.optional(),
    created_by: z.string().describe('User name.'),
    created_at: Time,
    updated_at: Time,
    deleted_at: Time.nullable(),
    last_error: LastError.nullable(),
    disconnected: z.int().optional().describe('Initiators that delete or restart logged out.'),
  })
  .meta({ id: 'TargetResponse' });

export const TargetListResponse = listOf(TargetResponse).meta({ id: 'TargetListResponse' });

export const InitiatorSession = z
  .object({
    initiator_iqn: z.string(),
    address: z.string().nullable(),
    state: z.string().describe('As the kernel names it, such as LOGGED_IN.'),
  })
  .meta({ id: 'InitiatorSession' });

export const Drift = z
  .object({
    kind: z.enum(['missing', 'extra', 'different']),
    what: z.string().describe('The object, such as portal or acl.'),
    expected: z.string().nullable(),
    found: z.string().nullable(),
  })
  .meta({ id: 'Drift' });

/** What configfs shows of one target. */
export const LiveTarget = z.object({
  enabled: z.boolean(),
  portals: z.array(Portal).describe('Where the kernel listens.'),
  luns: z.array(z.object({ lun: z.int(), backstore: z.string() })),
  acls: z.array(z.object({ initiator_iqn: z.string(), luns: z.array(z.object({ lun: z.int(), read_only: z.boolean() })) })),
  sessions: z.array(InitiatorSession),
  drift: z.array(Drift).describe('Where the kernel differs from the wish; empty when all is as asked.'),
});

export const TargetStatusResponse = z
  .object({
    target_id: Id,
    status: TargetStatus,
    observed_at: Time,
    node_id: NodeId,
    ...LiveTarget.shape,
  })
  .meta({ id: 'TargetStatusResponse' });

const byId = z.strictObject({ id: Id });
const ifIdle = z
  .boolean(coded('WRONG_TYPE', 'must be true or false'))
  .default(false)
  .describe('Refuse with TARGET_IN_USE instead of logging an initiator out.');

export const CreateTarget = request({
  subject: 'targets.create',
  kind: 'command',
  summary: 'Create a target for a machine',
  input: TargetCreateRequest,
  output: TargetResponse,
  http: { method: 'POST', path: '/targets', success: [201, 202] },
  errors: [
    'MACHINE_NOT_FOUND',
    'IMAGE_NOT_FOUND',
    'SESSION_NOT_FOUND',
    'SESSION_ENDED',
    'SESSION_OF_OTHER_MACHINE',
    'MACHINE_HAS_TARGET',
    'IMAGE_IN_USE',
    'IMAGE_READ_ONLY',
    'NODE_CORDONED',
    'INVALID_IQN',
    'NO_NODE',
    'NODE_KEY_MISSING',
    'NODE_HELD',
    'INVALID_CHAP_SECRET',
  ],
});

export const GetTarget = request({
  subject: 'targets.get',
  kind: 'query',
  summary: 'Get one target, deleted ones too',
  input: byId,
  output: TargetResponse,
  http: { method: 'GET', path: '/targets/{id}', success: [200] },
  errors: ['TARGET_NOT_FOUND'],
});

export const ListTargets = request({
  subject: 'targets.list',
  kind: 'query',
  summary: 'List targets, newest first',
  input: z.strictObject({
    ...page,
    status: TargetStatus.optional(),
    node_id: NodeId.optional(),
    machine_id: Id.optional(),
    image_id: Id.optional(),
    include_deleted: z.boolean(coded('WRONG_TYPE', 'must be true or false')).default(false).describe('Deleted targets too.'),
  }),
  output: TargetListResponse,
  http: { method: 'GET', path: '/targets', success: [200] },
  errors: ['INVALID_CURSOR'],
});

export const GetTargetStatus = request({
  subject: 'targets.status',
  kind: 'query',
  summary: 'Read one target live from the kernel of its node',
  input: byId,
  output: TargetStatusResponse,
  http: { method: 'GET', path: '/targets/{id}/status', success: [200] },
  errors: ['TARGET_NOT_FOUND', 'NODE_OFFLINE', 'NODE_WEDGED'],
});

export const DeleteTarget = request({
  subject: 'targets.delete',
  kind: 'command',
  summary: 'Delete a target; a logged-in initiator is disconnected',
  input: z.strictObject({ id: Id, if_idle: ifIdle }),
  output: TargetResponse,
  http: { method: 'DELETE', path: '/targets/{id}', success: [200, 202] },
  errors: ['TARGET_NOT_FOUND', 'TARGET_IN_USE', 'NODE_HELD'],
});

export const RestartTarget = request({
  subject: 'targets.restart',
  kind: 'command',
  summary: 'Delete and recreate a target with the same IQN and disk',
  input: z.strictObject({ id: Id, if_idle: ifIdle }),
  output: TargetResponse,
  http: { method: 'POST', path: '/targets/{id}/restart', success: [200, 202] },
  errors: [
    'TARGET_NOT_FOUND',
    'TARGET_DELETED',
    'TARGET_IN_USE',
    'OPERATION_IN_PROGRESS',
    'MACHINE_HAS_TARGET',
    'IMAGE_IN_USE',
    'NODE_HELD',
  ],
});

export const RotateChap = request({
  subject: 'targets.rotate-chap',
  kind: 'command',
  summary: 'Give a target new CHAP secrets; who is logged in stays so',
  input: z.strictObject({ id: Id, chap: ChapRequest.optional().describe('Left out: of the same kind as before, newly made.') }),
  output: TargetResponse,
  http: { method: 'POST', path: '/targets/{id}/chap/rotate', success: [200, 202] },
  errors: [
    'TARGET_NOT_FOUND',
    'TARGET_DELETED',
    'TARGET_NOT_ACTIVE',
    'OPERATION_IN_PROGRESS',
    'NODE_KEY_MISSING',
    'INVALID_CHAP_SECRET',
    'NODE_HELD',
  ],
});

export const GetTargetByMachine = request({
  subject: 'targets.get-by-machine',
  kind: 'query',
  summary: 'Get the live target of a machine, else its newest one',
  input: z.strictObject({ machine_id: Id }),
  output: TargetResponse,
  http: { method: 'GET', path: '/targets/machine/{machine_id}', success: [200] },
  errors: ['MACHINE_NOT_FOUND', 'TARGET_NOT_FOUND'],
});

export type ChapMode = z.infer<typeof ChapMode>;
export type ChapRequest = z.infer<typeof ChapRequest>;
export type ChapCredentials = z.infer<typeof ChapCredentials>;
export type TargetStatus = z.infer<typeof TargetStatus>;
export type TargetOperation = z.infer<typeof TargetOperation>;
export type TargetCreateRequest = z.infer<typeof TargetCreateRequest>;
export type TargetResponse = z.infer<typeof TargetResponse>;
export type TargetListResponse = z.infer<typeof TargetListResponse>;
export type TargetStatusResponse = z.infer<typeof TargetStatusResponse>;
export type InitiatorSession = z.infer<typeof InitiatorSession>;
export type Drift = z.infer<typeof Drift>;
export type LiveTarget = z.infer<typeof LiveTarget>;

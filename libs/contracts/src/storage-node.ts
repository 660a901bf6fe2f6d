import { z } from 'zod';
import { Id, ImageFile, Iqn, LastError, NodeId, Portal, Time } from './names';
import { ForeignObject, NodeCheck, SaveState } from './nodes';
import { ErrorCodeSchema } from './refused';
import { Drift, LiveTarget } from './targets';

/** Internal requests between targets-service and the executors: `storage-node.<node id>.<verb>`. Not for other clients. */
export type NodeVerb = 'apply' | 'status' | 'inspect-image' | 'inspect-target' | 'compare' | 'list-targets' | 'report' | 'wishes';

export const nodeSubject = (nodeId: string, verb: NodeVerb): string => `storage-node.${nodeId}.${verb}`;

/** The disk behind a target. `disk_id` names backstore and unit serial; today it is the image's id. */
export const DiskWish = z.object({
  disk_id: Id,
  image_file: ImageFile,
  size_bytes: z.int().positive().describe('Bytes as registered: a file of another size is refused.'),
  read_only: z.boolean(),
});

/** What a sealed box of CHAP secrets is about: it opens for this node, this target and this version of its secrets only. */
export const chapSubject = (nodeId: string, targetId: string, version: number): string => `chap/${nodeId}/${targetId}/${version}`;

/** CHAP of a target. In the box: JSON `{secret, mutual_secret}`; names are the initiator's and the target's own. */
export const ChapWish = z.object({
  mode: z.enum(['one-way', 'mutual']),
  version: z.int().positive(),
  sealed: z.string().describe('For the node’s X25519 key: see `sealing_key` of its report.'),
});

/** The whole wish for one target, never a delta: applying it twice changes nothing. */
export const TargetWish = z.object({
  target_id: Id,
  generation: z.int().positive().describe('A node refuses one lower than it has seen.'),
  state: z.enum(['present', 'absent']),
  iqn: Iqn,
  initiator_iqn: Iqn,
  lun: z.int().min(0).max(255),
  disk: DiskWish,
  if_idle: z.boolean().default(false).describe('With absent: refuse instead of logging an initiator out.'),
  confirmed: z
    .boolean()
    .default(false)
    .describe('The node once confirmed this target, or an admin adopted it: what has its names is ours even if the journal was lost.'),
  chap: ChapWish.nullable().default(null).describe('Null: the ACL alone admits.'),
});

/**
 * `done`: configfs shows the wish. `failed`: it does not, and what was begun is undone. `unknown`: neither could be
 * established; ask again.
 */
export const ApplyReply = z.object({
  target_id: Id,
  generation: z.int(),
  outcome: z.enum(['done', 'failed', 'unknown']),
  disconnected: z.int().describe('Initiators that were logged in when the target went away.'),
  error: LastError.nullable(),
});

export const NodeStatusRequest = z.object({ wish: TargetWish });
export const NodeStatusReply = z.object({ observed_at: Time, live: LiveTarget });

export const InspectImageRequest = z.object({ file: ImageFile });
export const InspectImageReply = z.object({
  result: z.enum(['ok', 'missing', 'not-a-file', 'empty']),
  size_bytes: z.int().describe('Bytes; 0 unless ok.'),
});

/** What the kernel shows of one target, whoever made it, as far as it tells whether it may be adopted. */
export const InspectedTarget = z.object({
  asks_for_secrets: z.boolean().default(false).describe('CHAP is on, or an ACL has secrets.'),
  other_tpgs: z.array(z.int()).describe('Tags of TPGs beside 1.'),
  portal_is_ours: z.boolean().describe('It listens where targets of this node do, and nowhere else.'),
  luns: z.array(
    z.object({
      lun: z.int(),
      backstore: z.string().nullable(),
      file: z.string().nullable().describe('Name under IMAGE_ROOT, null for anything that is not a fileio backstore on a file there.'),
      size_bytes: z.int().nullable(),
      serial: z.string().nullable(),
      made_as_ours: z.boolean().describe('Write mode and cache are as we set them; they cannot be changed under a LUN.'),
    }),
  ),
  acls: z.array(
    z.object({
      initiator_iqn: z.string(),
      luns: z.array(z.object({ lun: z.int(), tpg_lun: z.int().nullable(), read_only: z.boolean() })),
    }),
  ),
});

export const InspectTargetRequest = z.object({ iqn: Iqn });
export const InspectTargetReply = z.object({
  target: InspectedTarget.nullable().describe('Null when the kernel shows none.'),
  generation: z.int().describe('The newest that the journal has of it; 0 for none.'),
});

/** At most so many wishes at once: they must fit into the message that a node takes. */
export const MOST_COMPARED = 32;

/** What a node would do for a wish, and how far what it shows is from it. */
export const Comparison = z.object({
  target_id: Id,
  generation: z.int().describe('The newest that the journal has of it; 0 for none.'),
  shown: z.boolean().describe('The kernel has a target of this name.'),
  steps: z.array(z.string()).describe('Empty when there is nothing to do.'),
  drift: z.array(Drift),
  sessions: z.int().describe('Initiators that are logged in to it.'),
  disconnects: z.int().describe('Initiators that the steps would log out, at most.'),
  obstacle: z.object({ code: ErrorCodeSchema, step: z.string() }).nullable().describe('What would keep it from being done.'),
});

/** Looks and plans as `apply` does, and changes nothing. */
export const CompareRequest = z.object({ wishes: z.array(TargetWish).max(MOST_COMPARED) });
export const CompareReply = z.object({ comparisons: z.array(Comparison) });

/** All targets that the kernel shows, whoever made them, in order of their names. */
export const ListShownRequest = z.object({ after: z.string().max(223).nullable(), limit: z.int().min(1).max(500) });
export const ListShownReply = z.object({
  targets: z.array(z.object({ iqn: z.string(), sessions: z.int() })),
  next: z.string().nullable().describe('`after` of the next page, null on the last.'),
});

/**
 * The whole wish of a node, page by page: targets that should be there, and those being deleted until the node has confirmed
 * that they are gone. The executor asks for it at its start and whenever it gets its lease back.
 */
export const WishesRequest = z.object({ after: Id.nullable(), limit: z.int().min(1).max(500) });
export const WishesReply = z.object({
  wishes: z.array(TargetWish),
  next: Id.nullable().describe('`after` of the next page, null on the last.'),
});

/** What an executor tells of itself every few seconds; silence means offline. */
export const NodeReport = z.object({
  node_id: NodeId,
  instance: Id.describe('This process of the executor; new at each start.'),
  connection: z
    .int()
    .default(1)
    .describe(
      'Counts this process’s connections to NATS: a wish or an answer that was under way at a change may be lost, and is sent again.',
    ),
  previous_instances: z
    .array(Id)
    .max(20)
    .describe('Those before it on the same state folder, which are dead: a lease of theirs may be taken over at once.'),
  sealing_key: z.string().optional().describe('X25519 public key, base64: secrets for this node are sealed to it.'),
  name: z.string(),
  status: z.enum(['online', 'wedged', 'stopping']),
  message: z.string().nullable(),
  portal: Portal,
  targets: z.int(),
  queued: z.int().describe('Wishes waiting for their turn.'),
  versions: z.record(z.string(), z.string()),
  foreign: z.array(ForeignObject),
  adoptable: z
    .array(z.string())
    .default([])
    .describe('Targets under names of ours that the whole wish or the journal does not name. At most 100.'),
  checks: z.array(NodeCheck),
  saved_config: SaveState,
  sessions: z
    .array(z.object({ target_id: Id, initiator_iqn: z.string(), address: z.string().nullable() }))
    .describe('Initiators logged in to targets of ours.'),
  drifted: z
    .array(z.object({ target_id: Id, generation: z.int(), drift: z.array(Drift) }))
    .default([])
    .describe('Targets of ours that differ from their last wish. At most 100.'),
  drift_known: z
    .boolean()
    .default(true)
    .describe('False: drift may be there that is not named, since not all targets were compared yet or one that differs is being changed.'),
  drift_policy: z.enum(['report', 'repair']).default('repair').describe('What is done about drift.'),
});

/**
 * `accepted`: this instance is the node's one writer until `lease_ms` after it sent the report. Otherwise another instance is,
 * and this one must change nothing.
 */
export const NodeReportReply = z.object({
  accepted: z.boolean(),
  lease_ms: z.int(),
  reason: z.string().nullable(),
  held: z.boolean().default(false).describe('With accepted: it must change nothing either, until a report is answered without this.'),
});

export type DiskWish = z.infer<typeof DiskWish>;
export type TargetWish = z.infer<typeof TargetWish>;
export type ApplyReply = z.infer<typeof ApplyReply>;
export type NodeStatusReply = z.infer<typeof NodeStatusReply>;
export type InspectImageReply = z.infer<typeof InspectImageReply>;
export type InspectedTarget = z.infer<typeof InspectedTarget>;
export type InspectTargetReply = z.infer<typeof InspectTargetReply>;
export type NodeReport = z.infer<typeof NodeReport>;
export type NodeReportReply = z.infer<typeof NodeReportReply>;
export type Comparison = z.infer<typeof Comparison>;
export type CompareReply = z.infer<typeof CompareReply>;
export type ListShownReply = z.infer<typeof ListShownReply>;
export type WishesReply = z.infer<typeof WishesReply>;

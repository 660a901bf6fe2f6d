import { z } from 'zod';
import {
  ApplyReply,
  CompareReply,
  CompareRequest,
  InspectImageReply,
  InspectImageRequest,
  InspectTargetReply,
  InspectTargetRequest,
  ListShownReply,
  ListShownRequest,
  NodeId,
  NodeReport,
  NodeReportReply,
  NodeStatusReply,
  NodeStatusRequest,
  TargetWish,
  WishesReply,
  WishesRequest,
} from '#contracts';

export type Verbs = Record<string, { request: z.ZodType; reply: z.ZodType }>;

const Nothing = z.strictObject({});

/** All that the part on NATS can have the root part do: see docs/adr/0020. The first ones are what targets-service asks of a node. */
export const ROOT_VERBS = {
  apply: { request: TargetWish, reply: ApplyReply },
  status: { request: NodeStatusRequest, reply: NodeStatusReply },
  'inspect-image': { request: InspectImageRequest, reply: InspectImageReply },
  'inspect-target': { request: InspectTargetRequest, reply: InspectTargetReply },
  compare: { request: CompareRequest, reply: CompareReply },
  'list-targets': { request: ListShownRequest, reply: ListShownReply },
  /** The part on NATS is connected, for the first time or again: what was under way before may be lost. */
  connected: { request: z.strictObject({ node_id: NodeId }), reply: Nothing },
  ready: { request: Nothing, reply: z.record(z.string(), z.enum(['up', 'down'])) },
  metrics: { request: Nothing, reply: z.string() },
} satisfies Verbs;

/** What the root part has the part on NATS ask of targets-service, in words of the same names. */
export const BUS_VERBS = {
  report: { request: NodeReport, reply: NodeReportReply },
  wishes: { request: WishesRequest, reply: WishesReply },
} satisfies Verbs;

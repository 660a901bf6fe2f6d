import { Controller } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import type { ApplyReply, CompareReply, InspectImageReply, InspectTargetReply, ListShownReply, NodeStatusReply } from '#contracts';
import type { RequestContext } from '#messaging';
import { RootLink } from './socket/root-link';

const READ_MS = 10_000;

/**
 * Everything this service answers. `{node_id}` is NODE_ID, known at start: see the strategy's `parameters`. The root part parses what
 * came and does it: `answer-verbs.ts`.
 */
@Controller()
export class NodeMessages {
  constructor(private readonly root: RootLink) {}

  /** Without a limit of ours: the root part's queue and its time-outs are the limit. */
  @MessagePattern('storage-node.{node_id}.apply')
  apply(@Payload() body: unknown, @Ctx() { requestId }: RequestContext): Promise<ApplyReply> {
    return this.root.ask('apply', body, { requestId });
  }

  @MessagePattern('storage-node.{node_id}.status')
  status(@Payload() body: unknown, @Ctx() { requestId }: RequestContext): Promise<NodeStatusReply> {
    return this.root.ask('status', body, { requestId, timeoutMs: READ_MS });
  }

  @MessagePattern('storage-node.{node_id}.inspect-image')
  inspectImage(@Payload() body: unknown, @Ctx() { requestId }: RequestContext): Promise<InspectImageReply> {
    return this.root.ask('inspect-image', body, { requestId, timeoutMs: READ_MS });
  }

  @MessagePattern('storage-node.{node_id}.inspect-target')
  inspectTarget(@Payload() body: unknown, @Ctx() { requestId }: RequestContext): Promise<InspectTargetReply> {
    return this.root.ask('inspect-target', body, { requestId, timeoutMs: READ_MS });
  }

  @MessagePattern('storage-node.{node_id}.compare')
  compare(@Payload() body: unknown, @Ctx() { requestId }: RequestContext): Promise<CompareReply> {
    return this.root.ask('compare', body, { requestId, timeoutMs: READ_MS });
  }

  @MessagePattern('storage-node.{node_id}.list-targets')
  listTargets(@Payload() body: unknown, @Ctx() { requestId }: RequestContext): Promise<ListShownReply> {
    return this.root.ask('list-targets', body, { requestId, timeoutMs: READ_MS });
  }
}

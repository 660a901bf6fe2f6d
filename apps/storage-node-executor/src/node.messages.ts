import { Controller } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import {
  CompareRequest,
  InspectImageRequest,
  InspectTargetRequest,
  ListShownRequest,
  NodeStatusRequest,
  TargetWish,
  parseInput,
  type ApplyReply,
  type CompareReply,
  type InspectImageReply,
  type InspectTargetReply,
  type ListShownReply,
  type NodeStatusReply,
} from '#contracts';
import type { RequestContext } from '#messaging';
import { crashPoint } from '#runtime';
import { compareTarget } from './compare-target';
import { inspectImage } from './inspect-image';
import { inspectTarget } from './inspect-target';
import { listShown } from './list-shown';
import { NodeParts } from './node-parts';
import { targetStatus } from './target-status';

/** Everything this service answers. `{node_id}` is NODE_ID, known at start: see the strategy's `parameters`. */
@Controller()
export class NodeMessages {
  constructor(private readonly parts: NodeParts) {}

  @MessagePattern('storage-node.{node_id}.apply')
  apply(@Payload() body: unknown, @Ctx() context: RequestContext): Promise<ApplyReply> {
    crashPoint('executor.command-received');
    return this.parts.queue.submit(parseInput(TargetWish, body), context.requestId);
  }

  @MessagePattern('storage-node.{node_id}.status')
  status(@Payload() body: unknown): NodeStatusReply {
    return targetStatus(parseInput(NodeStatusRequest, body).wish, this.parts.adapter, this.parts.journal);
  }

  @MessagePattern('storage-node.{node_id}.inspect-image')
  inspectImage(@Payload() body: unknown): InspectImageReply {
    return inspectImage(this.parts.adapter.settings.imageRoot, parseInput(InspectImageRequest, body).file);
  }

  @MessagePattern('storage-node.{node_id}.inspect-target')
  inspectTarget(@Payload() body: unknown): InspectTargetReply {
    return inspectTarget(parseInput(InspectTargetRequest, body).iqn, this.parts.adapter, this.parts.journal);
  }

  @MessagePattern('storage-node.{node_id}.compare')
  compare(@Payload() body: unknown): CompareReply {
    return { comparisons: parseInput(CompareRequest, body).wishes.map((wish) => compareTarget(wish, this.parts)) };
  }

  @MessagePattern('storage-node.{node_id}.list-targets')
  listTargets(@Payload() body: unknown): ListShownReply {
    const { after, limit } = parseInput(ListShownRequest, body);
    return listShown(this.parts.tree, after, limit);
  }
}

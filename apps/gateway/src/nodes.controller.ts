import { Controller, Get, Patch, Post } from '@nestjs/common';
import { AcceptNodePlan, AdoptTarget, GetNodePlan, ListNodes, UpdateNode } from '#contracts';
import { Exchange, type HttpExchange } from './http-exchange';
import { NatsClient } from './nats-client';

@Controller('nodes')
export class NodesController {
  constructor(private readonly nats: NatsClient) {}

  @Get()
  list(@Exchange() http: HttpExchange) {
    return this.nats.ask(ListNodes, http);
  }

  @Patch(':id')
  update(@Exchange() http: HttpExchange) {
    return this.nats.ask(UpdateNode, http);
  }

  @Post(':id/adopt')
  adopt(@Exchange() http: HttpExchange) {
    return this.nats.ask(AdoptTarget, http);
  }

  @Get(':id/plan')
  plan(@Exchange() http: HttpExchange) {
    return this.nats.ask(GetNodePlan, http);
  }

  @Post(':id/plan/accept')
  acceptPlan(@Exchange() http: HttpExchange) {
    return this.nats.ask(AcceptNodePlan, http);
  }
}

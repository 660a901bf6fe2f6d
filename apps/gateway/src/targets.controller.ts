import { Controller, Delete, Get, Post } from '@nestjs/common';
import {
  CreateTarget,
  DeleteTarget,
  GetTarget,
  GetTargetByMachine,
  GetTargetStatus,
  ListTargets,
  RestartTarget,
  RotateChap,
} from '#contracts';
import { Exchange, type HttpExchange } from './http-exchange';
import { NatsClient } from './nats-client';

@Controller('targets')
export class TargetsController {
  constructor(private readonly nats: NatsClient) {}

  @Post()
  create(@Exchange() http: HttpExchange) {
    return this.nats.ask(CreateTarget, http);
  }

  @Get()
  list(@Exchange() http: HttpExchange) {
    return this.nats.ask(ListTargets, http);
  }

  @Get('machine/:machine_id')
  getByMachine(@Exchange() http: HttpExchange) {
    return this.nats.ask(GetTargetByMachine, http);
  }

  @Get(':id')
  get(@Exchange() http: HttpExchange) {
    return this.nats.ask(GetTarget, http);
  }

  @Get(':id/status')
  status(@Exchange() http: HttpExchange) {
    return this.nats.ask(GetTargetStatus, http);
  }

  @Delete(':id')
  delete(@Exchange() http: HttpExchange) {
    return this.nats.ask(DeleteTarget, http);
  }

  @Post(':id/chap/rotate')
  rotateChap(@Exchange() http: HttpExchange) {
    return this.nats.ask(RotateChap, http);
  }

  @Post(':id/restart')
  restart(@Exchange() http: HttpExchange) {
    return this.nats.ask(RestartTarget, http);
  }
}

import { Controller, Delete, Get, Patch, Post } from '@nestjs/common';
import { CreateSession, DeleteSession, GetSession, ListSessions, UpdateSession } from '#contracts';
import { Exchange, type HttpExchange } from './http-exchange';
import { NatsClient } from './nats-client';

@Controller('sessions')
export class SessionsController {
  constructor(private readonly nats: NatsClient) {}

  @Post()
  create(@Exchange() http: HttpExchange) {
    return this.nats.ask(CreateSession, http);
  }

  @Get()
  list(@Exchange() http: HttpExchange) {
    return this.nats.ask(ListSessions, http);
  }

  @Get(':id')
  get(@Exchange() http: HttpExchange) {
    return this.nats.ask(GetSession, http);
  }

  @Patch(':id')
  update(@Exchange() http: HttpExchange) {
    return this.nats.ask(UpdateSession, http);
  }

  @Delete(':id')
  delete(@Exchange() http: HttpExchange) {
    return this.nats.ask(DeleteSession, http);
  }
}

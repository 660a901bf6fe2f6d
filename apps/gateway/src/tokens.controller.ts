import { Controller, Delete, Get, Post } from '@nestjs/common';
import { CreateToken, ListTokens, RevokeToken } from '#contracts';
import { Exchange, type HttpExchange } from './http-exchange';
import { NatsClient } from './nats-client';

@Controller('tokens')
export class TokensController {
  constructor(private readonly nats: NatsClient) {}

  @Post()
  create(@Exchange() http: HttpExchange) {
    return this.nats.ask(CreateToken, http);
  }

  @Get()
  list(@Exchange() http: HttpExchange) {
    return this.nats.ask(ListTokens, http);
  }

  @Delete(':id')
  revoke(@Exchange() http: HttpExchange) {
    return this.nats.ask(RevokeToken, http);
  }
}

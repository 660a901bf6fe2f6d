import { Controller, Delete, Get, Patch, Post } from '@nestjs/common';
import { CreateUser, DeleteUser, GetUser, ListUsers, UpdateUser } from '#contracts';
import { Exchange, type HttpExchange } from './http-exchange';
import { NatsClient } from './nats-client';

@Controller('users')
export class UsersController {
  constructor(private readonly nats: NatsClient) {}

  @Post()
  create(@Exchange() http: HttpExchange) {
    return this.nats.ask(CreateUser, http);
  }

  @Get()
  list(@Exchange() http: HttpExchange) {
    return this.nats.ask(ListUsers, http);
  }

  @Get(':id')
  get(@Exchange() http: HttpExchange) {
    return this.nats.ask(GetUser, http);
  }

  @Patch(':id')
  update(@Exchange() http: HttpExchange) {
    return this.nats.ask(UpdateUser, http);
  }

  @Delete(':id')
  delete(@Exchange() http: HttpExchange) {
    return this.nats.ask(DeleteUser, http);
  }
}

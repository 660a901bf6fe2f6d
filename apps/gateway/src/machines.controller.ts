import { Controller, Delete, Get, Patch, Post } from '@nestjs/common';
import { CreateMachine, DeleteMachine, GetMachine, ListMachines, UpdateMachine } from '#contracts';
import { Exchange, type HttpExchange } from './http-exchange';
import { NatsClient } from './nats-client';

@Controller('machines')
export class MachinesController {
  constructor(private readonly nats: NatsClient) {}

  @Post()
  create(@Exchange() http: HttpExchange) {
    return this.nats.ask(CreateMachine, http);
  }

  @Get()
  list(@Exchange() http: HttpExchange) {
    return this.nats.ask(ListMachines, http);
  }

  @Get(':id')
  get(@Exchange() http: HttpExchange) {
    return this.nats.ask(GetMachine, http);
  }

  @Patch(':id')
  update(@Exchange() http: HttpExchange) {
    return this.nats.ask(UpdateMachine, http);
  }

  @Delete(':id')
  delete(@Exchange() http: HttpExchange) {
    return this.nats.ask(DeleteMachine, http);
  }
}

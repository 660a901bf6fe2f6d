import { Controller, Delete, Get, Patch, Post } from '@nestjs/common';
import { CreateImage, DeleteImage, GetImage, ListImages, UpdateImage } from '#contracts';
import { Exchange, type HttpExchange } from './http-exchange';
import { NatsClient } from './nats-client';

@Controller('images')
export class ImagesController {
  constructor(private readonly nats: NatsClient) {}

  @Post()
  create(@Exchange() http: HttpExchange) {
    return this.nats.ask(CreateImage, http);
  }

  @Get()
  list(@Exchange() http: HttpExchange) {
    return this.nats.ask(ListImages, http);
  }

  @Get(':id')
  get(@Exchange() http: HttpExchange) {
    return this.nats.ask(GetImage, http);
  }

  @Patch(':id')
  update(@Exchange() http: HttpExchange) {
    return this.nats.ask(UpdateImage, http);
  }

  @Delete(':id')
  delete(@Exchange() http: HttpExchange) {
    return this.nats.ask(DeleteImage, http);
  }
}

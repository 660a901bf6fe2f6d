import { Controller, Get } from '@nestjs/common';
import { SearchAudit } from '#contracts';
import { Exchange, type HttpExchange } from './http-exchange';
import { NatsClient } from './nats-client';

@Controller('audit')
export class AuditController {
  constructor(private readonly nats: NatsClient) {}

  @Get()
  search(@Exchange() http: HttpExchange) {
    return this.nats.ask(SearchAudit, http);
  }
}

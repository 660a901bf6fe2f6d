import { Controller, Get } from '@nestjs/common';
import { ExportAudit, GetCheckpoint, ProveConsistency, ProveInclusion, SearchAudit } from '#contracts';
import { Exchange, type HttpExchange } from './http-exchange';
import { NatsClient } from './nats-client';

@Controller('audit')
export class AuditController {
  constructor(private readonly nats: NatsClient) {}

  @Get()
  search(@Exchange() http: HttpExchange) {
    return this.nats.ask(SearchAudit, http);
  }

  @Get('checkpoint')
  checkpoint(@Exchange() http: HttpExchange) {
    return this.nats.ask(GetCheckpoint, http);
  }

  @Get('inclusion')
  inclusion(@Exchange() http: HttpExchange) {
    return this.nats.ask(ProveInclusion, http);
  }

  @Get('consistency')
  consistency(@Exchange() http: HttpExchange) {
    return this.nats.ask(ProveConsistency, http);
  }

  @Get('export')
  export(@Exchange() http: HttpExchange) {
    return this.nats.ask(ExportAudit, http);
  }
}

import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { SearchAudit } from '#contracts';
import { AUDIT_INTENT_SUBJECT, AUDIT_STREAM, type RequestContext } from '#messaging';
import { Parts } from './parts';
import { recordEntry } from './record-entry';
import { searchAudit } from './search-audit';

/** Everything this service answers. */
@Controller()
export class AuditMessages {
  constructor(private readonly parts: Parts) {}

  @EventPattern(`${AUDIT_INTENT_SUBJECT}.>`, { stream: AUDIT_STREAM, durable: 'audit-service' })
  record(@Payload() body: unknown) {
    return recordEntry(this.parts, body);
  }

  @MessagePattern(SearchAudit.subject)
  search(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return searchAudit(this.parts, body, context);
  }
}

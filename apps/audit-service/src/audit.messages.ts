import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
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
  record(body: unknown) {
    return recordEntry(this.parts, body);
  }

  @MessagePattern(SearchAudit.subject)
  search(body: unknown, context: RequestContext) {
    return searchAudit(this.parts, body, context);
  }
}

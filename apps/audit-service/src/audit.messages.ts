import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { ExportAudit, GetCheckpoint, ProveConsistency, ProveInclusion, SearchAudit } from '#contracts';
import { AUDIT_INTENT_SUBJECT, AUDIT_STREAM, type RequestContext } from '#messaging';
import { exportTrail } from './export-trail';
import { Parts } from './parts';
import { getCheckpoint, proveConsistency, proveInclusion } from './prove-trail';
import { recordEntries } from './record-entries';
import { searchAudit } from './search-audit';

/** Everything this service answers. */
@Controller()
export class AuditMessages {
  constructor(private readonly parts: Parts) {}

  @EventPattern(`${AUDIT_INTENT_SUBJECT}.>`, { stream: AUDIT_STREAM, durable: 'audit-service' })
  record(@Payload() body: unknown) {
    return recordEntries(this.parts, body);
  }

  @MessagePattern(SearchAudit.subject)
  search(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return searchAudit(this.parts, body, context);
  }

  @MessagePattern(GetCheckpoint.subject)
  checkpoint(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return getCheckpoint(this.parts, body, context);
  }

  @MessagePattern(ProveInclusion.subject)
  inclusion(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return proveInclusion(this.parts, body, context);
  }

  @MessagePattern(ProveConsistency.subject)
  consistency(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return proveConsistency(this.parts, body, context);
  }

  @MessagePattern(ExportAudit.subject)
  export(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return exportTrail(this.parts, body, context);
  }
}

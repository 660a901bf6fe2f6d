import { Module, type DynamicModule } from '@nestjs/common';
import { AuditMessages } from './audit.messages';
import { Parts } from './parts';

@Module({})
export class AuditServiceModule {
  static with(parts: Parts): DynamicModule {
    return { module: AuditServiceModule, controllers: [AuditMessages], providers: [{ provide: Parts, useValue: parts }] };
  }
}

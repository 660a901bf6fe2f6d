import { Module, type DynamicModule } from '@nestjs/common';
import { ThrottlerModule } from '@nestjs/throttler';
import { TokenExchange } from '#messaging';
import type { Logger } from '#runtime';
import { AuditController } from './audit.controller';
import { AuthController } from './auth.controller';
import type { AccessKey } from './auth.guard';
import type { Settings } from './config';
import { EventStreams } from './event-streams';
import { EventsController } from './events.controller';
import { HealthController } from './health.controller';
import { ImagesController } from './images.controller';
import { MachinesController } from './machines.controller';
import { NatsClient } from './nats-client';
import { NodesController } from './nodes.controller';
import { SessionsController } from './sessions.controller';
import { TargetsController } from './targets.controller';
import { TokensController } from './tokens.controller';
import { UsersController } from './users.controller';

@Module({})
export class GatewayModule {
  static with(settings: Settings, key: AccessKey, log: Logger): DynamicModule {
    const nats = new NatsClient(settings, log);
    return {
      module: GatewayModule,
      imports: [ThrottlerModule.forRoot([{ ttl: 60_000, limit: settings.LOGIN_RATE_PER_MINUTE, setHeaders: false }])],
      controllers: [
        HealthController,
        AuthController,
        TargetsController,
        MachinesController,
        ImagesController,
        SessionsController,
        UsersController,
        TokensController,
        NodesController,
        AuditController,
        EventsController,
      ],
      providers: [
        { provide: NatsClient, useValue: nats },
        { provide: EventStreams, useValue: new EventStreams(nats, settings.MAX_EVENT_STREAMS, log) },
        { provide: TokenExchange, useValue: new TokenExchange(() => nats.bus, key.pem) },
      ],
    };
  }
}

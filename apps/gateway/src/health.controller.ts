import { Controller, Get, Res } from '@nestjs/common';
import type { Response } from 'express';
import { metrics, readiness } from '#runtime';
import { NatsClient } from './nats-client';

const PING_TIMEOUT_MS = 1_000;

@Controller()
export class HealthController {
  constructor(private readonly nats: NatsClient) {}

  /** The event loop turns; nothing else is looked at, or a broker that is away would have every gateway restarted. */
  @Get('healthz')
  healthz() {
    return { status: 'up' };
  }

  @Get('readyz')
  async readyz(@Res() response: Response): Promise<void> {
    const state = await readiness({
      nats: () => this.nats.bus.ping(),
      'targets-service': async () => {
        await this.nats.bus.nats.request('$SRV.PING.targets-service', undefined, { timeout: PING_TIMEOUT_MS });
      },
    });
    response.status(state.ready ? 200 : 503).json(state);
  }

  @Get('metrics')
  async metrics(@Res() response: Response): Promise<void> {
    response.type(metrics.contentType).send(await metrics.metrics());
  }
}

import { Injectable, type ExecutionContext } from '@nestjs/common';
import { ThrottlerGuard, type ThrottlerLimitDetail } from '@nestjs/throttler';
import type { Request } from 'express';
import { Refused } from '#contracts';
import { clientAddress } from './http-exchange';

/** Counts login attempts by client address; the throttler itself counts an IPv6 /64 as one. */
@Injectable()
export class LoginRateGuard extends ThrottlerGuard {
  protected override getTracker(request: Request): Promise<string> {
    return Promise.resolve(clientAddress(request));
  }

  protected override throwThrottlingException(_context: ExecutionContext, detail: ThrottlerLimitDetail): Promise<void> {
    throw new Refused('RATE_LIMITED', { retryAfter: Math.max(1, detail.timeToBlockExpire) });
  }
}

import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { createPublicKey } from 'node:crypto';
import type { Request, Response } from 'express';
import { Refused, mayDo } from '#contracts';
import { TokenExchange } from '#messaging';
import { BadSettings, readSecretFile } from '#runtime';
import { clientAddress, locals } from './http-exchange';

/** The public key that access tokens are verified with, PEM. */
export class AccessKey {
  constructor(readonly pem: string) {}

  /** @throws BadSettings when the file holds no P-256 public key: the algorithm is fixed to ES256. */
  static fromFile(path: string): AccessKey {
    const pem = readSecretFile('AUTH_PUBLIC_KEY_FILE', path);
    if (pem.includes('PRIVATE KEY'))
      throw new BadSettings([`AUTH_PUBLIC_KEY_FILE: ${path} holds a private key; only targets-service may have it`]);
    let curve: string | undefined;
    try {
      curve = createPublicKey(pem).asymmetricKeyDetails?.namedCurve;
    } catch {
      curve = undefined;
    }
    if (curve !== 'prime256v1') throw new BadSettings([`AUTH_PUBLIC_KEY_FILE: ${path} holds no P-256 public key in PEM`]);
    return new AccessKey(pem);
  }
}

/** For the event stream only, which no service answers: every other request is authorised by the service that has it. */
@Injectable()
export class AuthGuard implements CanActivate {
  constructor(private readonly tokens: TokenExchange) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    const request = http.getRequest<Request>();
    const facts = locals(http.getResponse<Response>());
    const token = await this.tokens.whoAsks({
      authorization: request.get('authorization'),
      requestId: facts.requestId,
      source: `http:${clientAddress(request)}`,
    });
    if (!mayDo(token.role, 'events.stream')) throw new Refused('FORBIDDEN');
    facts.tokenEndsAt = token.endsAt;
    return true;
  }
}

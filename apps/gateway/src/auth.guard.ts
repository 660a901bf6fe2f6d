import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { createPublicKey } from 'node:crypto';
import type { Request, Response } from 'express';
import { Refused, mayDo } from '#contracts';
import { BadSettings, readSecretFile, verifyAccessToken } from '#runtime';
import { locals } from './http-exchange';

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
  constructor(private readonly key: AccessKey) {}

  canActivate(context: ExecutionContext): boolean {
    const http = context.switchToHttp();
    const token = verifyAccessToken(http.getRequest<Request>().get('authorization'), this.key.pem);
    if (!mayDo(token.role, 'events.stream')) throw new Refused('FORBIDDEN');
    locals(http.getResponse<Response>()).tokenEndsAt = token.endsAt;
    return true;
  }
}

import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { isIP } from 'node:net';
import type { Request, Response } from 'express';

/** One HTTP request and the response to it. */
export interface HttpExchange {
  request: Request;
  response: Response;
}

export const Exchange = createParamDecorator((_: unknown, context: ExecutionContext): HttpExchange => {
  const http = context.switchToHttp();
  return { request: http.getRequest<Request>(), response: http.getResponse<Response>() };
});

/** What the parts of the gateway tell each other about one exchange. */
export interface ExchangeLocals {
  requestId: string;
  /** Set once it was handed to NATS: from then on a refusal is a service's, and in the audit trail, unless nobody answered. */
  asked?: boolean;
  /** When the access token stops being accepted, milliseconds since 1970. */
  tokenEndsAt?: number;
}

export const locals = (response: Response): ExchangeLocals => response.locals as ExchangeLocals;

/** Address of the client; behind a trusted proxy, the one the proxy names. A proxy may pass on any text as one. */
export const clientAddress = (request: Request): string => {
  const named = plain(request.ip);
  return isIP(named) === 0 ? plain(request.socket.remoteAddress) : named;
};

/** IPv4 on a socket that takes both reads ::ffff:192.0.2.1; a link-local address ends in %interface. */
const plain = (address = ''): string => address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');

import type { NextFunction, Request, Response } from 'express';
import { acceptRequestId } from '#messaging';
import { durations, type Logger } from '#runtime';
import { clientAddress, locals } from './http-exchange';

const took = durations('spindle_http_request_duration_seconds', 'Time to answer an HTTP request', ['method', 'route', 'status']);

/**
 * Gives each request its id, and counts, times and logs it when it is over.
 * By route pattern and never by address: an address would make a time series for each id, and may hold anything.
 */
export const observeRequests =
  (log: Logger) =>
  (request: Request, response: Response, next: NextFunction): void => {
    const requestId = acceptRequestId(request.get('x-request-id'));
    locals(response).requestId = requestId;
    response.setHeader('X-Request-Id', requestId);
    // Answers hold tokens and present state; the static files of /docs set their own.
    response.setHeader('Cache-Control', 'no-store');
    const startedAt = performance.now();
    const source = clientAddress(request);
    response.once('close', () => {
      const seconds = (performance.now() - startedAt) / 1_000;
      const route = (request.route as { path?: string } | undefined)?.path ?? 'none';
      const { method } = request;
      took.observe({ method, route, status: String(response.statusCode) }, seconds);
      const line = { request_id: requestId, method, route, status: response.statusCode, ms: Math.round(seconds * 1_000), source };
      const quiet = method === 'GET' && response.statusCode < 400;
      log[quiet ? 'debug' : 'info'](response.writableFinished ? line : { ...line, aborted: true }, 'request');
    });
    next();
  };

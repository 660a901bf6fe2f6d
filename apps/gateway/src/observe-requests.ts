import type { NextFunction, Request, Response } from 'express';
import { acceptRequestId } from '#messaging';
import { durations, type Logger } from '#runtime';
import { clientAddress, locals } from './http-exchange';

const took = durations('spindle_http_request_duration_seconds', 'Time to answer an HTTP request', ['method', 'route', 'status']);

/** Closed before there was an answer: what nginx calls it. Nest has set the status of success by then. */
const CLIENT_LEFT = 499;

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
      const status = response.headersSent ? response.statusCode : CLIENT_LEFT;
      took.observe({ method, route, status: String(status) }, seconds);
      const line = { request_id: requestId, method, route, status, ms: Math.round(seconds * 1_000), source };
      log[method === 'GET' && status < 400 ? 'debug' : 'info'](line, 'request');
    });
    next();
  };

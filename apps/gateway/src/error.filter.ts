import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Refused, type ErrorCode } from '#contracts';
import { countAuthFailure, counter, type Logger } from '#runtime';
import { locals } from './http-exchange';

export const refusals = counter('spindle_http_refusals_total', 'Problems answered on HTTP, by who refused', ['code', 'by']);

/** What body-parser calls its errors. */
const BODY_ERRORS: Record<string, ErrorCode> = {
  'entity.too.large': 'PAYLOAD_TOO_LARGE',
  'encoding.unsupported': 'UNSUPPORTED_MEDIA_TYPE',
  'request.size.invalid': 'INVALID_JSON',
  'request.aborted': 'INVALID_JSON',
};

/** An error of a library as a refusal of ours. What nothing is known of is INTERNAL, and its text stays inside. */
export const refusalOf = (error: unknown): Refused => {
  if (error instanceof Refused) return error;
  const { type, status } = (error ?? {}) as { type?: unknown; status?: unknown };
  const bodyError = typeof type === 'string' ? BODY_ERRORS[type] : undefined;
  if (bodyError) return new Refused(bodyError);
  const httpStatus = error instanceof HttpException ? error.getStatus() : status;
  // Nest's 404, an escape in the path that is no UTF-8 (400), and the refusals of the static files of /docs.
  if (typeof httpStatus === 'number' && httpStatus >= 400 && httpStatus < 500) return new Refused('ROUTE_NOT_FOUND');
  return new Refused('INTERNAL');
};

/** Every error answer of the gateway leaves through here, as RFC 9457 problem details. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(private readonly log: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const response = http.getResponse<Response>();
    const refused = refusalOf(error);
    const { requestId, asked } = locals(response);
    const by = asked ? 'service' : 'gateway';
    refusals.inc({ code: refused.code, by });
    if (by === 'gateway') countAuthFailure(refused.code);
    const line = { request_id: requestId, code: refused.code, method: http.getRequest<Request>().method };
    if (refused.status >= 500) this.log.warn({ ...line, err: error }, 'a request failed');
    else if (by === 'gateway') this.log.info(line, 'refused at the gateway, before any service');
    if (response.headersSent) return void response.destroy();
    this.answer(refused, requestId, response);
  }

  private answer(refused: Refused, requestId: string, response: Response): void {
    const problem = refused.toProblem(requestId);
    if (problem.retry_after !== undefined) response.setHeader('Retry-After', String(problem.retry_after));
    // RFC 9110 section 11.6.1 wants it on every 401; the parameters are RFC 6750's.
    if (refused.status === 401)
      response.setHeader('WWW-Authenticate', refused.code.startsWith('TOKEN_') ? 'Bearer error="invalid_token"' : 'Bearer');
    response.status(refused.status).setHeader('Content-Type', 'application/problem+json').end(JSON.stringify(problem));
  }
}

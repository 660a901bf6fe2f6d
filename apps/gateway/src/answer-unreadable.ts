import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Refused, type ErrorCode } from '#contracts';
import { newId, type Logger } from '#runtime';
import { refusals } from './error.filter';

/** What Node's parser calls its errors; all others begin with HPE_ too. */
const CODES: Record<string, ErrorCode> = { HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE', ERR_HTTP_REQUEST_TIMEOUT: 'REQUEST_TIMEOUT' };

/**
 * Answers what is no HTTP, for the event `clientError` of the server: there is no request and no response yet, so it goes on the socket by
 * hand. Without a listener Node answers with a status and no word (lib/_http_server.js, socketOnError).
 */
export const answerUnreadable =
  (log: Logger) =>
  (error: NodeJS.ErrnoException, socket: Socket): void => {
    const { _httpMessage: begun } = socket as Socket & { _httpMessage?: ServerResponse | null };
    // the client is gone, or half an answer is on its way
    if (error.code === 'ECONNRESET' || !socket.writable || begun?.headersSent) return void socket.destroy();
    const refused = new Refused(CODES[error.code ?? ''] ?? 'MALFORMED_REQUEST');
    const requestId = newId();
    refusals.inc({ code: refused.code, by: 'gateway' });
    log.info({ request_id: requestId, code: refused.code, parser: error.code }, 'no HTTP that could be read');
    const body = JSON.stringify(refused.toProblem(requestId));
    const lines = [
      `HTTP/1.1 ${refused.status} ${STATUS_CODES[refused.status]}`,
      'Connection: close',
      'Cache-Control: no-store',
      'Content-Type: application/problem+json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      `X-Request-Id: ${requestId}`,
    ];
    socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
  };

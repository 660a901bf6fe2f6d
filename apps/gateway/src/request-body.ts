import type { Request } from 'express';
import { Refused } from '#contracts';
import { readBody } from '#messaging';

/**
 * The JSON object in the body of a request, read by the same rules as one on NATS.
 * @throws Refused UNSUPPORTED_MEDIA_TYPE, PAYLOAD_TOO_LARGE or INVALID_JSON.
 */
export const requestBody = (request: Request): Record<string, unknown> => {
  const bytes: unknown = request.body;
  if (!Buffer.isBuffer(bytes) || bytes.byteLength === 0) return {};
  const otherCharset = /;\s*charset=(?!"?utf-8\b)/i.test(request.get('content-type') ?? '');
  if (!request.is(['application/json', 'application/*+json']) || otherCharset) throw new Refused('UNSUPPORTED_MEDIA_TYPE');
  return readBody(bytes);
};

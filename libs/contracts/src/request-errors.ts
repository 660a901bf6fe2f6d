import { z } from 'zod';
import type { ErrorCode } from './error-codes';
import { PERMISSIONS } from './permissions';
import type { RequestContract } from './request';
import type { Action } from './requests';

const ANY: readonly ErrorCode[] = ['RATE_LIMITED', 'INTERNAL', 'SERVICE_UNAVAILABLE', 'DATABASE_UNAVAILABLE', 'AUDIT_UNAVAILABLE'];
const WITH_TOKEN: readonly ErrorCode[] = ['UNAUTHENTICATED', 'TOKEN_INVALID', 'TOKEN_EXPIRED', 'TOKEN_REVOKED', 'FORBIDDEN'];
const WITH_BODY: readonly ErrorCode[] = ['INVALID_JSON', 'PAYLOAD_TOO_LARGE', 'MALFORMED_REQUEST'];
const WITH_KEY: readonly ErrorCode[] = ['INVALID_IDEMPOTENCY_KEY', 'IDEMPOTENCY_KEY_REUSED', 'IDEMPOTENCY_KEY_RUNNING'];
const WITH_FIELDS: readonly ErrorCode[] = [
  'VALIDATION_FAILED',
  'UNKNOWN_FIELD',
  'REQUIRED_FIELD',
  'WRONG_TYPE',
  'INVALID_VALUE',
  'INVALID_ID',
];

/** Every code that a request can be answered with: its own and those that any request of its kind can be. */
export const errorsOf = (contract: RequestContract): ErrorCode[] => {
  const isPublic = PERMISSIONS[contract.subject as Action] === 'public';
  const hasFields = contract.input instanceof z.ZodObject && Object.keys(contract.input.shape).length > 0;
  return [
    ...new Set<ErrorCode>([
      ...contract.errors,
      ...(hasFields ? WITH_FIELDS : []),
      ...(isPublic ? [] : WITH_TOKEN),
      ...(contract.kind === 'command' && !isPublic ? WITH_KEY : []),
      ...WITH_BODY,
      ...ANY,
    ]),
  ];
};

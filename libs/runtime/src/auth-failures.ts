import type { ErrorCode } from '#contracts';
import { counter } from './metrics';

const CODES: ErrorCode[] = [
  'UNAUTHENTICATED',
  'TOKEN_INVALID',
  'TOKEN_EXPIRED',
  'TOKEN_REVOKED',
  'FORBIDDEN',
  'LOGIN_FAILED',
  'LOGIN_LOCKED',
];

const failures = counter('spindle_auth_failures_total', 'Requests refused for who asked, counted where it was decided', ['code']);
// Prometheus sees no increase in the first one of a series that was not there before
for (const code of CODES) failures.inc({ code }, 0);

/** Does nothing for other codes. */
export const countAuthFailure = (code: ErrorCode): void => {
  if (CODES.includes(code)) failures.inc({ code });
};

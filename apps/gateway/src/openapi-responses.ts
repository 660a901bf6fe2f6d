import { Problem, errorFacts, exampleOf, type ErrorCode, type RequestContract } from '#contracts';
import { ref } from './openapi-schemas';

const REASONS: Record<number, string> = {
  200: 'Done.',
  201: 'Created.',
  202: 'Accepted: `operation` says what still runs.',
};

const requestId = {
  'X-Request-Id': { description: 'Id of this request in logs, events and the audit trail.', schema: { type: 'string' } },
};
const retryAfter = { 'Retry-After': { description: 'Seconds to wait before trying again.', schema: { type: 'integer' } } };
const location = { Location: { description: 'Where it can be read.', schema: { type: 'string' } } };

/** The answers of a route that are no error. */
export const successResponses = ({ http, output, subject }: RequestContract): Record<string, object> =>
  Object.fromEntries(
    http.success.map((status) => {
      const example = status === 202 ? exampleOf(subject).running : exampleOf(subject).output;
      return [
        String(status),
        {
          description: REASONS[status] ?? 'Done.',
          headers: { ...requestId, ...(http.success.includes(201) ? location : {}) },
          content: { 'application/json': { schema: ref(output), example } },
        },
      ];
    }),
  );

/** One response for each HTTP status, naming the codes that have it. */
export const problemResponses = (codes: readonly ErrorCode[]): Record<string, object> => {
  const statuses = [...new Set(codes.map((code) => errorFacts(code).status))];
  return Object.fromEntries(
    statuses.map((status) => {
      const group = [...new Set(codes)].filter((code) => errorFacts(code).status === status);
      return [
        String(status),
        {
          description: group.map((code) => `\`${code}\`: ${errorFacts(code).title}.`).join('\n\n'),
          headers: { ...requestId, ...(group.some((code) => errorFacts(code).retryable) ? retryAfter : {}) },
          content: {
            'application/problem+json': {
              schema: { allOf: [ref(Problem), { properties: { status: { const: status }, code: { enum: group } } }] },
            },
          },
        },
      ];
    }),
  );
};

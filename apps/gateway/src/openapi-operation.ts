import { MAX_BODY_BYTES, PERMISSIONS, errorsOf, exampleOf, type Action, type ErrorCode, type RequestContract } from '#contracts';
import { problemResponses, successResponses } from './openapi-responses';
import { bodyName, inputFields, operationId, refTo } from './openapi-schemas';
import { fieldsOf, routeFields } from './route-fields';

const REQUEST_ID = {
  name: 'X-Request-Id',
  in: 'header',
  description: 'Id for this request, 1 to 64 of A-Z a-z 0-9 . _ : -; otherwise one is made.',
  schema: { type: 'string' },
};
const PREFER = {
  name: 'Prefer',
  in: 'header',
  description: '`wait=N` (RFC 7240): wait up to N seconds, at most 25, for the operation to end before 202 is answered. 4 by default.',
  schema: { type: 'string' },
  example: 'wait=20',
};
const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  description:
    '1 to 128 printable ASCII characters, new for each command: the same command sent again with it gets the stored answer, or goes on with what was begun.',
  schema: { type: 'string' },
};

/** Before a route is looked for. */
const OF_ANY: readonly ErrorCode[] = ['HEADERS_TOO_LARGE', 'REQUEST_TIMEOUT'];

/** What only HTTP can refuse, and what a route without a body cannot. */
const codesOnHttp = (contract: RequestContract, hasBody: boolean): ErrorCode[] => {
  const codes = errorsOf(contract);
  if (hasBody) return [...codes, 'UNSUPPORTED_MEDIA_TYPE', ...OF_ANY];
  return [...codes.filter((code) => code !== 'INVALID_JSON' && code !== 'PAYLOAD_TOO_LARGE'), ...OF_ANY];
};

const parameters = (contract: RequestContract): object[] => {
  const { path, query } = routeFields(contract);
  const schemas = inputFields(contract);
  const parameter = (name: string, where: 'path' | 'query') => {
    const { description, ...schema } = schemas[name]!;
    return {
      name,
      in: where,
      required: where === 'path' || !fieldsOf(contract.input)[name]!.safeParse(undefined).success,
      ...(description ? { description } : {}),
      schema,
    };
  };
  return [
    ...path.map((name) => parameter(name, 'path')),
    ...query.map((name) => parameter(name, 'query')),
    REQUEST_ID,
    ...(contract.http.success.includes(202) ? [PREFER] : []),
    ...(contract.kind === 'command' && PERMISSIONS[contract.subject as Action] !== 'public' ? [IDEMPOTENCY_KEY] : []),
  ];
};

const requestBody = (contract: RequestContract): object => {
  const name = bodyName(contract);
  if (name === undefined) return {};
  const { path } = routeFields(contract);
  const input = Object.entries(exampleOf(contract.subject).input).filter(([field]) => !path.includes(field));
  return {
    requestBody: {
      required: contract.http.method === 'PATCH' || path.length === 0,
      description: `At most ${MAX_BODY_BYTES} bytes. Unknown fields are refused.`,
      content: { 'application/json': { schema: refTo(name), ...(input.length > 0 ? { example: Object.fromEntries(input) } : {}) } },
    },
  };
};

const audience = (subject: string): string => {
  const allowed = PERMISSIONS[subject as Action];
  return allowed === 'public' ? 'Needs no token.' : `For the roles ${allowed.join(', ')}.`;
};

/** One operation of the document. */
export const operation = (contract: RequestContract): object => ({
  operationId: operationId(contract),
  tags: [contract.http.path.split('/')[1]!],
  summary: contract.summary,
  description: `${audience(contract.subject)} The same as the NATS request \`${contract.subject}\`.`,
  'x-nats-subject': contract.subject,
  security: PERMISSIONS[contract.subject as Action] === 'public' ? [] : [{ bearer: [] }],
  parameters: parameters(contract),
  ...requestBody(contract),
  responses: {
    ...successResponses(contract),
    ...problemResponses(codesOnHttp(contract, bodyName(contract) !== undefined)),
  },
});

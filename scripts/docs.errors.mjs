import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { ERROR_CODES, ERROR_MEANINGS, EXAMPLES, REQUESTS, Refused, errorsOf } = require('#contracts');
const { routeFields } = require('../dist/apps/gateway/src/route-fields.js');

const REQUEST_ID = '01997b1e-5b1b-7f90-8e2a-4b6d8f0a2c55';
const TARGET = '01997b1e-5b1c-7d3a-9c0e-2f4b6a8d0c11';

/** Codes whose problem names a field: the request, the input at fault, and what is wrong with it. */
const FIELDS = {
  VALIDATION_FAILED: [
    'targets.create',
    { image_id: EXAMPLES['targets.create'].input.image_id, size: 1 },
    { field: 'machine_id', code: 'REQUIRED_FIELD', message: 'is required' },
    { field: 'size', code: 'UNKNOWN_FIELD', message: 'is unknown' },
  ],
  UNKNOWN_FIELD: ['targets.create', { ...EXAMPLES['targets.create'].input, size: 1 }, { field: 'size', message: 'is unknown' }],
  REQUIRED_FIELD: [
    'targets.create',
    { image_id: EXAMPLES['targets.create'].input.image_id },
    { field: 'machine_id', message: 'is required' },
  ],
  WRONG_TYPE: [
    'targets.create',
    { ...EXAMPLES['targets.create'].input, read_only: 'yes' },
    { field: 'read_only', message: 'must be true or false' },
  ],
  INVALID_VALUE: ['targets.list', { limit: 1000 }, { field: 'limit', message: 'must be at most 200' }],
  INVALID_ID: [
    'targets.create',
    { ...EXAMPLES['targets.create'].input, machine_id: 'lab-pc-01' },
    { field: 'machine_id', message: 'must be a UUID' },
  ],
  INVALID_NAME: [
    'machines.create',
    { ...EXAMPLES['machines.create'].input, name: 'lab pc 1' },
    { field: 'name', message: 'must be 1 to 64 of A-Z a-z 0-9 _ . - beginning with a letter or digit' },
  ],
  INVALID_IQN: [
    'machines.create',
    { ...EXAMPLES['machines.create'].input, initiator_iqn: 'iqn.2025-01.io.spindle:Lab_PC' },
    { field: 'initiator_iqn', message: 'must be iqn.YYYY-MM.reversed.domain:name in lower case, without underscores' },
  ],
  INVALID_MAC_ADDRESS: [
    'machines.create',
    { ...EXAMPLES['machines.create'].input, mac_address: '52:54:00' },
    { field: 'mac_address', message: 'must be six pairs of hex digits' },
  ],
  INVALID_IMAGE_FILE: [
    'images.create',
    { ...EXAMPLES['images.create'].input, file: '../debian-12.img' },
    { field: 'file', message: 'must be a plain file name' },
  ],
  INVALID_PASSWORD: [
    'users.create',
    { ...EXAMPLES['users.create'].input, password: 'short' },
    { field: 'password', message: 'must have at least 12 characters' },
  ],
};

/** What only the message itself can do wrong. */
const COMMANDS = {
  INVALID_JSON: `curl -i -X POST "$SPINDLE/api/v1/targets" -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{'`,
  PAYLOAD_TOO_LARGE: `curl -i -X POST "$SPINDLE/api/v1/targets" -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d @70-kilobytes.json`,
  UNSUPPORTED_MEDIA_TYPE: `curl -i -X POST "$SPINDLE/api/v1/targets" -H "Authorization: Bearer $TOKEN" -H 'Content-Type: text/plain' -d '{}'`,
  MALFORMED_REQUEST: `printf 'GET /api/v1/targets HTTP/1.1\\r\\nHost : x\\r\\n\\r\\n' | nc 127.0.0.1 3000`,
  HEADERS_TOO_LARGE: 'curl -i "$SPINDLE/api/v1/targets?cursor=$(head -c 20000 /dev/zero | tr "\\0" a)"',
  REQUEST_TIMEOUT: `(printf 'GET /healthz HTTP/1.1\\r\\n'; sleep 60) | nc 127.0.0.1 3000`,
  ROUTE_NOT_FOUND: 'curl -i "$SPINDLE/api/v1/nothing"',
  UNAUTHENTICATED: 'curl -i "$SPINDLE/api/v1/targets"',
};

/** Codes whose problem names the object in the way. */
const IN_THE_WAY = new Set(['MACHINE_HAS_TARGET', 'TARGET_IN_USE', 'TARGET_DELETED', 'OPERATION_IN_PROGRESS', 'IMAGE_IN_USE']);

const ON_HTTP_ONLY = new Set(['UNSUPPORTED_MEDIA_TYPE', 'HEADERS_TOO_LARGE', 'REQUEST_TIMEOUT', 'ROUTE_NOT_FOUND']);

const fieldErrors = (code) => FIELDS[code]?.slice(2).map(({ field, code: own, message }) => ({ field, code: own ?? code, message }));

const problemOf = (code) =>
  new Refused(code, { errors: fieldErrors(code), resourceId: IN_THE_WAY.has(code) ? TARGET : undefined }).toProblem(REQUEST_ID);

const bySubject = (subject) => REQUESTS.find((contract) => contract.subject === subject);

/** The request to show: one whose example is refused so, else the first that lists the code as its own, else one that takes it. */
const requestOf = (code) =>
  (FIELDS[code] && bySubject(FIELDS[code][0])) ??
  REQUESTS.find(({ subject }) => EXAMPLES[subject].refusal === code) ??
  REQUESTS.find(({ errors }) => errors.includes(code)) ??
  (COMMANDS[code] || errorsOf(bySubject('targets.create')).includes(code) ? bySubject('targets.create') : undefined);

const curl = (code, contract) => {
  if (COMMANDS[code]) return COMMANDS[code];
  const input = FIELDS[code]?.[1] ?? EXAMPLES[contract.subject].input;
  const fields = routeFields(contract);
  const path = contract.http.path.replace(/\{(\w+)\}/g, (_, name) => input[name]);
  const given = Object.keys(input).filter((name) => !fields.path.includes(name));
  const inQuery = fields.body.length === 0;
  const query = inQuery ? given.map((name) => `${name}=${encodeURIComponent(input[name])}`) : [];
  const body = inQuery || given.length === 0 ? '' : JSON.stringify(Object.fromEntries(given.map((name) => [name, input[name]])));
  return [
    'curl -i',
    ...(contract.http.method === 'GET' ? [] : [`-X ${contract.http.method}`]),
    `"$SPINDLE/api/v1${path}${query.length > 0 ? `?${query.join('&')}` : ''}"`,
    ...(contract.subject === 'auth.login' ? [] : ['-H "Authorization: Bearer $TOKEN"']),
    ...(body === '' ? [] : [`-H 'Content-Type: application/json' -d '${body}'`]),
  ].join(' ');
};

const httpAnswer = (problem) =>
  [
    `HTTP/1.1 ${problem.status}`,
    'Content-Type: application/problem+json',
    `X-Request-Id: ${problem.request_id}`,
    ...(problem.retry_after === undefined ? [] : [`Retry-After: ${problem.retry_after}`]),
  ].join('\n');

const natsAnswer = ({ subject }, { code, status }) =>
  [`$ nats request ${subject} '…'`, `Nats-Service-Error-Code: ${status}`, `Nats-Service-Error: ${code}`].join('\n');

const block = (language, text) => `\`\`\`${language}\n${text}\n\`\`\``;
const json = (value) => block('json', JSON.stringify(value, null, 2));

const asAnswer = (code, contract) => {
  const problem = problemOf(code);
  const own = REQUESTS.filter(({ errors }) => errors.includes(code)).map(({ subject }) => `\`${subject}\``);
  return [
    own.length > 0 ? `**Answered to**: ${own.join(', ')}.` : '**Answered to**: any request that it fits.',
    block('console', `$ ${curl(code, contract)}\n${httpAnswer(problem)}`),
    json(problem),
    ...(ON_HTTP_ONLY.has(code) ? [] : ['On NATS the same body, with these headers:', block('console', natsAnswer(contract, problem))]),
  ];
};

const asLastError = (code) => [
  '**Stands in** `last_error` of a target and in `target.failed`, with the step that failed.',
  json({ status: 'ERROR', operation: null, last_error: { code, step: 'create-backstore', message: ERROR_CODES[code].advice } }),
  'As an answer it would be:',
  json(problemOf(code)),
];

const section = ([code, { status, title, advice, retryable }]) => {
  const contract = requestOf(code);
  return [
    `## ${code}`,
    `**${status}** ${title}.${retryable ? ' The same request may succeed later, without being changed.' : ''}`,
    ERROR_MEANINGS[code],
    `**What to do**: ${advice}`,
    ...(contract ? asAnswer(code, contract) : asLastError(code)),
  ].join('\n\n');
};

const intro = `# Errors

<!-- Generated by npm run docs. -->

Every refusal has a code from this closed list. A code is stable: branch on \`code\`, never on \`title\` or \`detail\`. On HTTP
and on NATS the body is the same problem (RFC 9457); on NATS the HTTP status stands in the header \`Nats-Service-Error-Code\`.
\`request_id\` is in the log of every service that took part, and in the audit trail.

In the examples \`$SPINDLE\` is the address of the gateway and \`$TOKEN\` an access token of \`POST /api/v1/auth/login\`.

| code | status | title | later? |
|---|---|---|---|
${Object.entries(ERROR_CODES)
  .map(([code, { status, title, retryable }]) => `| [${code}](#${code.toLowerCase()}) | ${status} | ${title} | ${retryable ? 'yes' : ''} |`)
  .join('\n')}`;

/** docs/errors.md: one section for each code. */
export const errorsPage = () => `${[intro, ...Object.entries(ERROR_CODES).map(section)].join('\n\n')}\n`;

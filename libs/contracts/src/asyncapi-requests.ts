import { z } from 'zod';
import { exampleOf } from './examples';
import type { JsonSchema } from './json-schemas';
import { PERMISSIONS } from './permissions';
import { Problem, Refused } from './refused';
import type { RequestContract } from './request';
import { errorsOf } from './request-errors';
import { REQUESTS, type Action } from './requests';

const requests: readonly RequestContract[] = REQUESTS;

const text = (description: string): JsonSchema => ({ type: 'string', description });

const requestHeaders = {
  type: 'object',
  properties: {
    Authorization: text('`Bearer TOKEN`, an access token or an API token; auth.login alone needs none.'),
    'X-Request-Id': text('Id for this request, 1 to 64 of A-Z a-z 0-9 . _ : -; otherwise one is made.'),
    Prefer: text('`wait=N`: how many seconds, at most 25, create, delete, restart and adopt wait for the operation to end.'),
    'Idempotency-Key': text(
      '1 to 128 printable ASCII characters, new for each command: the same command sent again with it gets the stored answer, or goes on with what was begun.',
    ),
  },
};

const replyHeaders = {
  type: 'object',
  properties: { 'X-Request-Id': text('Id of this request in logs, events and the audit trail.'), 'Content-Type': { type: 'string' } },
};

const problemHeaders = {
  type: 'object',
  required: ['Nats-Service-Error-Code', 'Nats-Service-Error'],
  properties: {
    ...replyHeaders.properties,
    'Nats-Service-Error-Code': text('HTTP status.'),
    'Nats-Service-Error': text('The code.'),
  },
};

/** `targets.get-by-machine` as `TargetsGetByMachine`. */
const pascal = (subject: string): string => subject.replace(/(?:^|[.-])(\w)/g, (_, first: string) => first.toUpperCase());

/** By schema, since get and delete share theirs. */
const inputNames = new Map<z.ZodType, string>();
for (const { input, subject } of requests)
  if (!inputNames.has(input)) inputNames.set(input, z.globalRegistry.get(input)?.id ?? `${pascal(subject)}Input`);

const schemaRef = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` });
const outputName = ({ output }: RequestContract): string => z.globalRegistry.get(output)!.id!;

/** The service whose queue group answers. */
const serviceOf = (subject: string): string => (subject.startsWith('audit.') ? 'audit-service' : 'targets-service');

const rolesOf = (subject: string): string => {
  const allowed = PERMISSIONS[subject as Action];
  return allowed === 'public' ? 'Needs no token.' : `For the roles ${allowed.join(', ')}.`;
};

const messagesOf = (contract: RequestContract): Record<string, object> => {
  const { subject, summary, input } = contract;
  const { input: asked, output, running, refusal } = exampleOf(subject);
  const answers = [{ name: 'done', payload: output }, ...(running === undefined ? [] : [{ name: 'running', payload: running }])];
  return {
    [`${subject}.request`]: {
      name: `${subject}.request`,
      summary,
      headers: requestHeaders,
      payload: schemaRef(inputNames.get(input)!),
      examples: [{ payload: asked }],
    },
    [`${subject}.reply`]: {
      name: `${subject}.reply`,
      summary: 'Done, or accepted and still running.',
      headers: replyHeaders,
      payload: schemaRef(outputName(contract)),
      examples: answers,
    },
    [`${subject}.problem`]: {
      name: `${subject}.problem`,
      summary: 'Refused.',
      description: `One of ${errorsOf(contract).join(', ')}.`,
      contentType: 'application/problem+json',
      headers: problemHeaders,
      payload: {
        allOf: [schemaRef(z.globalRegistry.get(Problem)!.id!), { type: 'object', properties: { code: { enum: errorsOf(contract) } } }],
      },
      examples: [{ payload: new Refused(refusal).toProblem('01997b1e-5b1b-7f90-8e2a-4b6d8f0a2c55') }],
    },
  };
};

const channelsOf = ({ subject, summary }: RequestContract): Record<string, object> => {
  const message = (part: string) => ({ [part]: { $ref: `#/components/messages/${subject}.${part}` } });
  return {
    [subject]: { address: subject, title: summary, messages: message('request') },
    [`${subject}.reply`]: {
      address: null,
      title: `Answer to ${subject}`,
      messages: { ...message('reply'), ...message('problem') },
    },
  };
};

const operationOf = ({ subject, summary }: RequestContract): object => ({
  action: 'receive',
  channel: { $ref: `#/channels/${subject}` },
  title: summary,
  description: rolesOf(subject),
  ...(PERMISSIONS[subject as Action] === 'public' ? {} : { security: [{ $ref: '#/components/securitySchemes/bearer' }] }),
  bindings: { nats: { queue: serviceOf(subject), bindingVersion: '0.1.0' } },
  messages: [{ $ref: `#/channels/${subject}/messages/request` }],
  reply: {
    // NATS has a field of its own for it; an AsyncAPI expression can only name a header or the payload.
    address: { location: '$message.header#/reply-to', description: 'The reply subject of the NATS message, which is no header.' },
    channel: { $ref: `#/channels/${subject}.reply` },
    messages: [{ $ref: `#/channels/${subject}.reply/messages/reply` }, { $ref: `#/channels/${subject}.reply/messages/problem` }],
  },
});

/** Channels, operations and messages of every request, and the inputs that have no id by the names they get. */
export const requestParts = () => ({
  channels: Object.assign({}, ...requests.map(channelsOf)) as Record<string, object>,
  operations: Object.fromEntries(requests.map((contract) => [contract.subject, operationOf(contract)])),
  messages: Object.assign({}, ...requests.map(messagesOf)) as Record<string, object>,
  schemas: Object.fromEntries([...inputNames].map(([schema, name]) => [name, schema])),
});

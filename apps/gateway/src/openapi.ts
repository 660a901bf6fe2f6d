import { AnyEvent, CONTRACT_VERSION, EXAMPLE_EVENT, REQUESTS, schemasUsedIn, type RequestContract } from '#contracts';
import { operation } from './openapi-operation';
import { problemResponses } from './openapi-responses';
import { allSchemas, ref } from './openapi-schemas';
import { API_PREFIX } from './reply-headers';

const TAGS: Record<string, string> = {
  auth: 'Logging in.',
  targets: 'iSCSI targets: what a machine boots from.',
  machines: 'Machines that boot over the network.',
  images: 'Disk images that lie on the storage nodes.',
  sessions: 'Boot sessions: who uses which machine, when.',
  users: 'People and programs that may log in.',
  tokens: 'API tokens: what orchestrators and people use in place of a login.',
  nodes: 'Storage nodes.',
  audit: 'The audit trail.',
  events: 'Events as they happen.',
  health: 'For load balancers and monitoring; no token needed.',
};

const description = `Event-driven control plane for iSCSI targets on Linux LIO.

The same requests, replies and error codes exist on NATS: see asyncapi.yaml. JSON is snake_case, ids are UUIDs, times are
RFC 3339 in UTC, sizes are bytes. Errors are RFC 9457 problem details with a stable \`code\`; what each code means stands in errors.md.
Requests refuse unknown fields; replies may gain fields, so clients must ignore those they do not know.`;

const eventFrame = `id: 42\nevent: target.created\ndata: ${JSON.stringify(EXAMPLE_EVENT)}\n\n`;

const events = {
  operationId: 'streamEvents',
  tags: ['events'],
  summary: 'Follow events as server-sent events',
  description:
    'Each event has `id:` (position in the stream), `event:` (its name) and `data:` (the event as CloudEvents 1.0 JSON). Delivered at least once: order and drop repeats by `subject` and `sequence`. A comment comes every 15 seconds. The stream ends when the token does.',
  parameters: [
    {
      name: 'Last-Event-ID',
      in: 'header',
      required: false,
      description: 'Go on after this `id:`; without it only what happens from now on is sent. Events are kept for 30 days.',
      schema: { type: 'string', pattern: '^\\d{1,15}$' },
    },
  ],
  security: [{ bearer: [] }],
  responses: {
    200: {
      description: 'Events, until either side closes.',
      content: { 'text/event-stream': { schema: { type: 'string', 'x-data-schema': ref(AnyEvent) }, example: eventFrame } },
    },
    ...problemResponses([
      'UNAUTHENTICATED',
      'TOKEN_INVALID',
      'TOKEN_EXPIRED',
      'FORBIDDEN',
      'INVALID_VALUE',
      'RATE_LIMITED',
      'INTERNAL',
      'SERVICE_UNAVAILABLE',
    ]),
  },
};

const readinessSchema = {
  type: 'object',
  required: ['ready', 'dependencies'],
  properties: { ready: { type: 'boolean' }, dependencies: { type: 'object', additionalProperties: { enum: ['up', 'down'] } } },
};

const health = (operationId: string, summary: string, responses: object) => ({
  get: { operationId, tags: ['health'], summary, security: [], responses },
});

const healthPaths = {
  '/healthz': health('healthz', 'The process serves', {
    200: { description: 'It does.', content: { 'application/json': { schema: { type: 'object' }, example: { status: 'up' } } } },
  }),
  '/readyz': health('readyz', 'The parts that are needed are there', {
    200: { description: 'All are.', content: { 'application/json': { schema: readinessSchema } } },
    503: {
      description: 'Those named down are not.',
      content: {
        'application/json': { schema: readinessSchema, example: { ready: false, dependencies: { nats: 'up', 'targets-service': 'down' } } },
      },
    },
  }),
  '/metrics': health('metrics', 'Metrics in the Prometheus text format', {
    200: { description: 'Metrics.', content: { 'text/plain': { schema: { type: 'string' } } } },
  }),
};

const contractPaths = (): Record<string, Record<string, object>> => {
  const paths: Record<string, Record<string, object>> = {};
  for (const contract of REQUESTS as readonly RequestContract[]) {
    const path = `/${API_PREFIX}${contract.http.path}`;
    paths[path] = { ...paths[path], [contract.http.method.toLowerCase()]: operation(contract) };
  }
  return paths;
};

/** The OpenAPI 3.1 document of this gateway, made from the contracts. */
export const openApi = (): Record<string, unknown> => {
  const paths = { ...contractPaths(), [`/${API_PREFIX}/events`]: { get: events }, ...healthPaths };
  return {
    openapi: '3.1.0',
    info: {
      title: 'Spindle',
      version: CONTRACT_VERSION,
      summary: 'iSCSI targets for diskless machines',
      description,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'This gateway.' }],
    tags: Object.entries(TAGS).map(([name, text]) => ({ name, description: text })),
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'An access token from login (JWT), good for at most 15 minutes, or an API token, good until it is revoked.',
        },
      },
      schemas: schemasUsedIn(paths, allSchemas()),
    },
  };
};

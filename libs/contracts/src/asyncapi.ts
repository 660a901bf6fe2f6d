import { auditParts, eventParts, type StreamFacts } from './asyncapi-events';
import { requestParts } from './asyncapi-requests';
import { jsonSchemas, schemasUsedIn } from './json-schemas';
import { CONTRACT_VERSION } from './requests';

const description = `Everything that Spindle says and answers on NATS, from the side of Spindle: it receives requests and sends replies and events.

**Requests** are plain JSON objects sent with NATS request/reply; any client library will do, \`nats request\` too. They are registered
through the NATS services API (\`nats micro ls\`). A refusal carries the headers \`Nats-Service-Error-Code\` (the HTTP status) and
\`Nats-Service-Error\` (the code), and a problem (RFC 9457) as body. Bodies over 65,536 bytes and unknown fields are refused.

**Events** are structured CloudEvents 1.0 in the JetStream stream SPINDLE_EVENTS, delivered at least once. Order them by \`sequence\`
per \`subject\` and drop what is not higher; ignore fields and types that you do not know.

Subjects under \`storage-node.\` are between Spindle's own services and no part of this contract.`;

const bearer = {
  type: 'http',
  scheme: 'bearer',
  bearerFormat: 'JWT',
  description: 'Header `Authorization: Bearer TOKEN`, with the access token that auth.login answered.',
};

/** The AsyncAPI 3 document of the contract. */
export const asyncApi = (streams: readonly StreamFacts[]): Record<string, unknown> => {
  const requests = requestParts();
  const events = eventParts(streams);
  const audit = auditParts(streams);
  const channels = { ...requests.channels, ...events.channels, ...audit.channels };
  const operations = { ...requests.operations, ...events.operations, ...audit.operations };
  const messages = { ...requests.messages, ...events.messages, ...audit.messages };
  return {
    asyncapi: '3.0.0',
    info: { title: 'Spindle', version: CONTRACT_VERSION, description, license: { name: 'Apache-2.0' } },
    defaultContentType: 'application/json',
    servers: {
      nats: { host: 'localhost:4222', protocol: 'nats', description: 'NATS_URL. nats-server 2.14 or newer; JetStream is needed.' },
    },
    channels,
    operations,
    components: {
      securitySchemes: { bearer },
      messages,
      schemas: schemasUsedIn(messages, { ...jsonSchemas(requests.schemas), ...events.schemas }),
    },
    'x-jetstream': { streams },
  };
};

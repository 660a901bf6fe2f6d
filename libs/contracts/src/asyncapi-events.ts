import { z } from 'zod';
import { AuditIntent } from './audit';
import { AnyEvent, EVENTS, EVENT_NAMES, eventType, type EventName } from './events';
import { EXAMPLES, EXAMPLE_EVENT } from './examples';
import { EXAMPLE_IDS } from './inventory-examples';
import type { JsonSchema } from './json-schemas';

/** A JetStream stream, as the document shows it. */
export interface StreamFacts {
  name: string;
  subjects: string[];
  [setting: string]: unknown;
}

/** The NATS binding of AsyncAPI knows queue groups only, so what JetStream adds stands in an extension. */
const streamOf = (streams: readonly StreamFacts[], address: string): object => {
  const tokens = address.split('.');
  const holds = (pattern: string) =>
    pattern.endsWith('.>') ? address.startsWith(pattern.slice(0, -1)) : pattern === `${tokens[0]}.*` && tokens.length === 2;
  const stream = streams.find(({ subjects }) => subjects.some(holds));
  if (!stream) throw new Error(`no stream holds ${address}`);
  return { 'x-jetstream': { stream: stream.name } };
};

const idOf = (schema: z.ZodType): string => z.globalRegistry.get(schema)!.id!;
const schemaRef = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` });

/** `target.created` as `TargetCreatedEvent`. */
const schemaName = (name: EventName): string => `${name.replace(/(?:^|\.)(\w)/g, (_, first: string) => first.toUpperCase())}Event`;

const eventSchema = (name: EventName): JsonSchema => ({
  allOf: [
    schemaRef(idOf(AnyEvent)),
    { type: 'object', properties: { type: { const: eventType(name) }, data: schemaRef(idOf(EVENTS[name].data)) } },
  ],
});

/** Channels, operations, messages and schemas of every event. */
export const eventParts = (streams: readonly StreamFacts[]) => {
  const each = <T>(make: (name: EventName) => T): Record<string, T> => Object.fromEntries(EVENT_NAMES.map((name) => [name, make(name)]));
  return {
    channels: each((name) => ({
      address: name,
      title: EVENTS[name].summary,
      messages: { event: { $ref: `#/components/messages/${name}` } },
      ...streamOf(streams, name),
    })),
    operations: each((name) => ({ action: 'send', channel: { $ref: `#/channels/${name}` }, title: EVENTS[name].summary })),
    messages: each((name) => ({
      name,
      summary: EVENTS[name].summary,
      contentType: 'application/cloudevents+json',
      headers: {
        type: 'object',
        properties: {
          'Nats-Msg-Id': { type: 'string', description: 'The event’s id: the server drops a second one within two minutes.' },
          'X-Request-Id': { type: 'string', description: 'Request id of the command that led to it.' },
        },
      },
      payload: schemaRef(schemaName(name)),
      ...(name === 'target.created' ? { examples: [{ payload: EXAMPLE_EVENT }] } : {}),
    })),
    schemas: Object.fromEntries(EVENT_NAMES.map((name) => [schemaName(name), eventSchema(name)])),
  };
};

const intent: AuditIntent = {
  id: '01997b1e-5b1c-7e4b-8d1f-3a5c7e9b1d88',
  time: '2026-01-15T08:30:00.000Z',
  actor: 'ann',
  source: 'http:192.0.2.77',
  action: 'targets.create',
  resource: { type: 'target', id: EXAMPLE_IDS.target },
  outcome: 'allowed',
  code: null,
  request_id: '01997b1e-5b1b-7f90-8e2a-4b6d8f0a2c55',
  before: null,
  after: { ...EXAMPLES['targets.create'].running },
};

/** What services ask the audit trail to hold: for the audit-service alone; clients read the trail with audit.search. */
export const auditParts = (streams: readonly StreamFacts[]) => ({
  channels: {
    'audit-intent': {
      address: 'audit-intent.{action}',
      title: 'Entries on their way into the audit trail',
      parameters: {
        action: {
          description: 'Subject of the request, or name of the event; `several` for a list of entries.',
          examples: ['targets.create'],
        },
      },
      messages: { intent: { $ref: '#/components/messages/audit-intent' } },
      ...streamOf(streams, 'audit-intent.x'),
    },
  },
  operations: {
    'audit-intent': { action: 'send', channel: { $ref: '#/channels/audit-intent' }, title: 'Record a change or a refusal' },
  },
  messages: {
    'audit-intent': {
      name: 'audit-intent',
      summary:
        'One entry of the audit trail before it has its place there, or a list of those that waited together. The id makes recording one twice harmless.',
      payload: { oneOf: [schemaRef(idOf(AuditIntent)), { type: 'array', items: schemaRef(idOf(AuditIntent)) }] },
      examples: [{ payload: intent }],
    },
  },
});

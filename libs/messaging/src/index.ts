export { connectBus, type Bus, type NatsSettings } from './connection';
export type { EventPatternOptions } from './event-consumer';
export { readEvents, type StoredEvent } from './event-reader';
export { NatsServerStrategy, type NatsServerOptions } from './nats-server.strategy';
export { PassThroughFilter } from './pass-through.filter';
export { ask, type AskOptions } from './request-client';
export { acceptRequestId, type RequestContext } from './request-context';
export { publishStored, type StoredMessage } from './stored-publisher';
export { AUDIT_INTENT_SUBJECT, AUDIT_STREAM, DEAD_LETTER_STREAM, DEAD_LETTER_SUBJECT, EVENTS_STREAM, ensureStreams } from './streams';

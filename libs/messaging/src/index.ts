export { connectBus, type Bus, type NatsSettings } from './connection';
export type { EventPatternOptions } from './event-consumer';
export { readEvents, type StoredEvent } from './event-reader';
export { NatsServerStrategy, type NatsServerOptions } from './nats-server.strategy';
export { PassThroughFilter } from './pass-through.filter';
export { readBody } from './read-body';
export { ask, type AskOptions } from './request-client';
export { acceptRequestId, preferredWaitSeconds, type RequestContext } from './request-context';
export { publishNext, publishStored, type StoredMessage } from './stored-publisher';
export {
  AUDIT_INTENT_SUBJECT,
  AUDIT_STREAM,
  CHECKPOINT_STREAM,
  CHECKPOINT_SUBJECT,
  DEAD_LETTER_STREAM,
  DEAD_LETTER_SUBJECT,
  EVENTS_STREAM,
  STREAMS,
  ensureStreams,
  streamState,
} from './streams';

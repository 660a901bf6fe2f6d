import { DiscardPolicy, RetentionPolicy, StorageType, nanos, type NatsConnection } from 'nats';

export const EVENTS_STREAM = 'SPINDLE_EVENTS';
export const AUDIT_STREAM = 'SPINDLE_AUDIT';
export const CHECKPOINT_STREAM = 'SPINDLE_CHECKPOINTS';
export const DEAD_LETTER_STREAM = 'SPINDLE_DEAD_LETTERS';

export const AUDIT_INTENT_SUBJECT = 'audit-intent';
export const DEAD_LETTER_SUBJECT = 'dead-letter';
/** Signed heads of the audit trail, for whoever keeps them elsewhere. */
export const CHECKPOINT_SUBJECT = 'audit-checkpoint.signed';

const DAY_MS = 86_400_000;

/**
 * Streams are transport: Postgres keeps every message until it was accepted here, so a wiped store loses nothing.
 * A full stream refuses (`discard: new`) rather than dropping its oldest silently.
 */
export const STREAMS = [
  { name: EVENTS_STREAM, subjects: ['target.*', 'node.*', 'initiator.*'], max_age: nanos(30 * DAY_MS) },
  { name: AUDIT_STREAM, subjects: [`${AUDIT_INTENT_SUBJECT}.>`], max_age: 0 },
  { name: CHECKPOINT_STREAM, subjects: [CHECKPOINT_SUBJECT], max_age: 0 },
  { name: DEAD_LETTER_STREAM, subjects: [`${DEAD_LETTER_SUBJECT}.>`], max_age: 0 },
].map((stream) => ({
  ...stream,
  retention: RetentionPolicy.Limits,
  storage: StorageType.File,
  discard: DiscardPolicy.New,
  duplicate_window: nanos(120_000),
}));

/** When the stream was made: another answer than before means that what was in it is gone. And the place of its last message. */
export const streamState = async (nats: NatsConnection, name: string): Promise<{ madeAt: string; lastSequence: number }> => {
  const { created, state } = await (await nats.jetstreamManager({ timeout: 5_000 })).streams.info(name);
  return { madeAt: String(created), lastSequence: state.last_seq };
};

/**
 * Makes the streams that are missing and brings the others to this shape. Safe to call at once from several services.
 * @param names those that the caller keeps: the server refuses it the others
 */
export const ensureStreams = async (nats: NatsConnection, names = STREAMS.map(({ name }) => name)): Promise<void> => {
  const manager = await nats.jetstreamManager({ timeout: 5_000 });
  for (const stream of STREAMS.filter(({ name }) => names.includes(name)))
    await manager.streams.add(stream).catch(() => manager.streams.update(stream.name, stream));
};

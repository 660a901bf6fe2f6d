import { DeliverPolicy, type ConsumerMessages } from 'nats';
import type { Bus } from './connection';
import { EVENTS_STREAM } from './streams';

export interface StoredEvent {
  /** Position in the stream: send it back as `afterSequence` to go on from there. */
  streamSequence: number;
  name: string;
  body: unknown;
}

/** Reads events as they come, or from after a position on; ends when `stop` is called. */
export const readEvents = async (bus: Bus, afterSequence?: number): Promise<{ events: AsyncIterable<StoredEvent>; stop: () => void }> => {
  const opt_start_seq = (await lastRead(bus, afterSequence)) + 1;
  const consumer = await bus.nats.jetstream().consumers.get(EVENTS_STREAM, { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq });
  const messages = await consumer.consume({ expires: 5_000 });
  return { events: parse(messages), stop: () => messages.stop() };
};

/**
 * Always a position: a consumer of what is new would, made again after a broken connection, pass over what came meanwhile.
 * One beyond the end is from before the store was wiped, and waiting for it would pass over everything sent since.
 */
const lastRead = async (bus: Bus, afterSequence: number | undefined): Promise<number> => {
  const manager = await bus.nats.jetstreamManager();
  const { state } = await manager.streams.info(EVENTS_STREAM);
  if (afterSequence === undefined) return state.last_seq;
  return afterSequence > state.last_seq ? 0 : afterSequence;
};

async function* parse(messages: ConsumerMessages): AsyncIterable<StoredEvent> {
  for await (const message of messages) yield { streamSequence: message.seq, name: message.subject, body: message.json<unknown>() };
}

import { DeliverPolicy, type ConsumerMessages, type OrderedConsumerOptions } from 'nats';
import type { Bus } from './connection';
import { EVENTS_STREAM, ensureStreams } from './streams';

export interface StoredEvent {
  /** Position in the stream: send it back as `afterSequence` to go on from there. */
  streamSequence: number;
  name: string;
  body: unknown;
}

/** Reads events as they come, or from after a position on; ends when `stop` is called. */
export const readEvents = async (bus: Bus, afterSequence?: number): Promise<{ events: AsyncIterable<StoredEvent>; stop: () => void }> => {
  await ensureStreams(bus.nats);
  const start: Partial<OrderedConsumerOptions> =
    afterSequence === undefined
      ? { deliver_policy: DeliverPolicy.New }
      : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: afterSequence + 1 };
  const consumer = await bus.nats.jetstream().consumers.get(EVENTS_STREAM, start);
  const messages = await consumer.consume({ expires: 5_000 });
  return { events: parse(messages), stop: () => messages.stop() };
};

async function* parse(messages: ConsumerMessages): AsyncIterable<StoredEvent> {
  for await (const message of messages) yield { streamSequence: message.seq, name: message.subject, body: message.json<unknown>() };
}

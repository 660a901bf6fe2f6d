import { AckPolicy, DeliverPolicy, headers as natsHeaders, nanos, type ConsumerMessages, type JsMsg } from 'nats';
import { Refused } from '#contracts';
import { counter, crashPoint, sleep, type Logger } from '#runtime';
import type { Bus } from './connection';
import { measureConsumer } from './measure-consumer';
import { DEAD_LETTER_STREAM, DEAD_LETTER_SUBJECT, ensureStreams } from './streams';

/** Second argument of `@EventPattern`. */
export interface EventPatternOptions {
  stream: string;
  /** Name under which the server remembers what was acknowledged. */
  durable: string;
  /** Attempts before a message goes to the dead-letter stream. A dependency that is away does not count as one. */
  maxDeliveries?: number;
  /** Waits between attempts, milliseconds; the last one repeats. */
  backoffMs?: number[];
}

export interface EventConsumer {
  stop: () => Promise<void>;
}

interface Options extends EventPatternOptions {
  bus: Bus;
  log: Logger;
  subject: string;
  handle: (body: unknown) => Promise<unknown>;
}

/** Longer than a handler takes; `working()` is sent while one waits. */
const ACK_WAIT_MS = 5_000;
const MESSAGE_ID = 'Nats-Msg-Id';

const handled = counter('spindle_events_handled_total', 'Messages of a stream by what became of them', ['durable', 'result']);

/**
 * Handles the messages of one subject in order, one at a time: with a single message in flight a redelivery cannot overtake.
 * Success is acknowledged with a confirmation, since a lost acknowledgement would have the message handled again.
 */
export const startEventConsumer = (options: Options): EventConsumer => {
  const { bus, stream, durable, log } = options;
  const leaving = new AbortController();
  // Prometheus sees no increase in the first one of a series that was not there before
  handled.inc({ durable, result: 'dead-letter' }, 0);
  const measuring = measureConsumer(bus, stream, durable, log, leaving.signal);
  let messages: ConsumerMessages | undefined;
  const loop = (async () => {
    while (!leaving.signal.aborted) {
      try {
        messages = await subscribe(options);
        for await (const message of messages) {
          await handleMessage(options, message, leaving.signal);
          if (leaving.signal.aborted) break;
        }
      } catch (err) {
        if (!leaving.signal.aborted) log.warn({ err, durable }, 'consumer interrupted');
      }
      await sleep(500, leaving.signal);
    }
  })();
  return {
    stop: async () => {
      leaving.abort();
      messages?.stop();
      await loop;
      await measuring;
    },
  };
};

const subscribe = async ({ bus, stream, durable, subject }: Options): Promise<ConsumerMessages> => {
  // The stream itself is its writer's to make: until it is there, the loop comes again.
  await ensureStreams(bus.nats, [DEAD_LETTER_STREAM]);
  const manager = await bus.nats.jetstreamManager();
  await manager.consumers.add(stream, {
    durable_name: durable,
    filter_subject: subject,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    ack_wait: nanos(ACK_WAIT_MS),
    max_ack_pending: 1,
  });
  const consumer = await bus.nats.jetstream().consumers.get(stream, durable);
  const messages = await consumer.consume({ max_messages: 1, expires: 5_000 });
  void endWhenLost(messages);
  return messages;
};

/** The client goes on asking for a consumer that was deleted or whose store was wiped; ending it lets the loop make it anew. */
const endWhenLost = async (messages: ConsumerMessages): Promise<void> => {
  for await (const { type, data } of await messages.status()) {
    const lost = ['consumer_deleted', 'stream_not_found', 'consumer_not_found'].includes(type);
    if (lost || (type === 'heartbeats_missed' && Number(data) >= 2)) return messages.stop();
  }
};

const handleMessage = async (options: Options, message: JsMsg, leaving: AbortSignal): Promise<void> => {
  const { durable, maxDeliveries = 10, backoffMs = [100, 500, 1_000, 2_000, 5_000] } = options;
  const keepMine = setInterval(() => message.working(), ACK_WAIT_MS / 3);
  try {
    for (let attempt = message.info.redeliveryCount; ;) {
      const result = await attemptOnce(options, message);
      if (result === 'done') {
        await message.ackAck();
        crashPoint('audit.acked');
        return void handled.inc({ durable, result });
      }
      if (result === 'failed') attempt++;
      if (result === 'poison' || attempt > maxDeliveries) return await bury(options, message, result);
      await sleep(backoffMs[Math.min(attempt, backoffMs.length) - 1] ?? 1_000, leaving);
      if (leaving.aborted) return message.nak();
    }
  } finally {
    clearInterval(keepMine);
  }
};

const attemptOnce = async ({ handle, log, durable }: Options, message: JsMsg): Promise<'done' | 'poison' | 'failed' | 'away'> => {
  let body: unknown;
  try {
    body = message.json<unknown>();
  } catch {
    return 'poison';
  }
  try {
    await handle(body);
    return 'done';
  } catch (err) {
    if (err instanceof Refused && err.retryable) return 'away';
    log.warn({ err, durable, stream_sequence: message.seq }, 'a message could not be handled');
    return err instanceof Refused ? 'poison' : 'failed';
  }
};

/** Keeps what cannot be handled where it can be looked at and sent again; only then is it taken off the consumer. */
const bury = async ({ bus, durable, log }: Options, message: JsMsg, reason: string): Promise<void> => {
  const headers = natsHeaders();
  headers.set('Spindle-Stream-Sequence', String(message.seq));
  headers.set('Spindle-Reason', reason);
  const id = message.headers?.get(MESSAGE_ID) ?? String(message.seq);
  await bus.nats
    .jetstream()
    .publish(`${DEAD_LETTER_SUBJECT}.${durable}.${message.subject}`, message.data, { headers, msgID: `${durable}-${id}` });
  message.term();
  log.error({ durable, subject: message.subject, stream_sequence: message.seq, reason }, 'a message went to the dead letters');
  handled.inc({ durable, result: 'dead-letter' });
};

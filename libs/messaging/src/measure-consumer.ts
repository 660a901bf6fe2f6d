import { gauge, sleep, type Logger } from '#runtime';
import type { Bus } from './connection';
import { DEAD_LETTER_STREAM, DEAD_LETTER_SUBJECT } from './streams';

const EVERY_MS = 5_000;

const pending = gauge('spindle_consumer_pending', 'Messages of a stream that the consumer was not given yet', ['durable']);
const ackPending = gauge('spindle_consumer_ack_pending', 'Messages that the consumer was given and has not acknowledged', ['durable']);
const redelivered = gauge('spindle_consumer_redelivered', 'Messages that were given to the consumer more than once and wait still', [
  'durable',
]);
const deadLetters = gauge('spindle_dead_letters', 'Messages that the consumer could not handle, until somebody replays them', ['durable']);

/** Asked of the server, not counted here: a consumer that stands still would go on saying what it said last. */
export const measureConsumer = async (bus: Bus, stream: string, durable: string, log: Logger, leaving: AbortSignal): Promise<void> => {
  while (!leaving.aborted) {
    try {
      const manager = await bus.nats.jetstreamManager({ timeout: EVERY_MS, checkAPI: false });
      const info = await manager.consumers.info(stream, durable);
      pending.set({ durable }, info.num_pending);
      ackPending.set({ durable }, info.num_ack_pending);
      redelivered.set({ durable }, info.num_redelivered);
      const letters = await manager.streams.info(DEAD_LETTER_STREAM, { subjects_filter: `${DEAD_LETTER_SUBJECT}.${durable}.>` });
      deadLetters.set(
        { durable },
        Object.values(letters.state.subjects ?? {}).reduce((sum, count) => sum + count, 0),
      );
    } catch (err) {
      log.debug({ err, durable }, 'the consumer could not be measured');
    }
    await sleep(EVERY_MS, leaving);
  }
};

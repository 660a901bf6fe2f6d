import { headers as natsHeaders, type NatsConnection } from 'nats';
import { crashPoint } from '#runtime';
import { ensureStreams } from './streams';

export interface StoredMessage {
  subject: string;
  /** `Nats-Msg-Id`: the server drops a second one with the same id within two minutes. */
  id: string;
  body: unknown;
  requestId?: string;
}

const publish = async (nats: NatsConnection, message: StoredMessage, lastSequence?: number): Promise<number> => {
  const headers = natsHeaders();
  headers.set('Content-Type', message.subject.startsWith('audit-') ? 'application/json' : 'application/cloudevents+json');
  if (message.requestId) headers.set('X-Request-Id', message.requestId);
  const expect = lastSequence === undefined ? undefined : { lastSequence };
  const stored = nats
    .jetstream({ timeout: 5_000 })
    .publish(message.subject, JSON.stringify(message.body), { msgID: message.id, headers, expect });
  setImmediate(crashPoint, 'relay.published');
  return (await stored).seq;
};

/**
 * Publishes to the stream that holds the subject and resolves when the server says that it is stored.
 * Makes missing streams first: a wiped store heals by itself.
 * @throws whatever kept the server from storing it; the caller keeps the message and tries again.
 */
export const publishStored = async (nats: NatsConnection, message: StoredMessage): Promise<void> => {
  await publish(nats, message).catch(async (error: unknown) => {
    if (!isNoStream(error)) throw error;
    await ensureStreams(nats);
    await publish(nats, message);
  });
};

/**
 * Publishes as the successor of `lastSequence`, the last message of the stream. A stream that was made anew in between refuses,
 * so nothing new gets into it before what it has lost.
 * @returns the place of the message; not a later one when the stream has it already
 * @throws as `publishStored`, and when another message came last
 */
export const publishNext = (nats: NatsConnection, message: StoredMessage, lastSequence: number): Promise<number> =>
  publish(nats, message, lastSequence);

/** No stream holds the subject, so nobody answers. */
const isNoStream = (error: unknown): boolean => error instanceof Error && 'code' in error && String(error.code) === '503';

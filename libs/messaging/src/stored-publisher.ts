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

/**
 * Publishes to the stream that holds the subject and resolves when the server says that it is stored.
 * Makes missing streams first: a wiped store heals by itself.
 * @throws whatever kept the server from storing it; the caller keeps the message and tries again.
 */
export const publishStored = async (nats: NatsConnection, message: StoredMessage): Promise<void> => {
  const headers = natsHeaders();
  headers.set('Content-Type', message.subject.startsWith('audit-intent.') ? 'application/json' : 'application/cloudevents+json');
  if (message.requestId) headers.set('X-Request-Id', message.requestId);
  const publish = () =>
    nats.jetstream({ timeout: 5_000 }).publish(message.subject, JSON.stringify(message.body), { msgID: message.id, headers });
  setImmediate(crashPoint, 'relay.published');
  await publish().catch(async (error: unknown) => {
    if (!isNoStream(error)) throw error;
    await ensureStreams(nats);
    await publish();
  });
};

/** No stream holds the subject, so nobody answers. */
const isNoStream = (error: unknown): boolean => error instanceof Error && 'code' in error && String(error.code) === '503';

import { ErrorCode as NatsErrorCode, NatsError, type Msg } from 'nats';
import { Refused, type ErrorCode } from '#contracts';
import type { Bus } from './connection';
import { headersOf, type RequestContext } from './request-context';

export interface AskOptions {
  context: Partial<Omit<RequestContext, 'subject'>>;
  timeoutMs: number;
  /** What an unanswered request is called; a node's silence is not that of a service. */
  silence?: ErrorCode;
}

/**
 * Sends one request and resolves with the parsed answer.
 * Fails at once while disconnected: the client would otherwise keep the request and send it later, when nobody waits for it.
 * Fails as soon as the connection is lost, too: the answer may have been lost with it, and the wait would be for nothing.
 * @throws Refused as the other side answered, or `silence` (SERVICE_UNAVAILABLE) when nobody did.
 */
export const ask = async (bus: Bus, subject: string, body: unknown, options: AskOptions): Promise<unknown> => {
  const silence = options.silence ?? 'SERVICE_UNAVAILABLE';
  if (!bus.connected()) throw new Refused('SERVICE_UNAVAILABLE');
  const request = bus.nats.request(subject, JSON.stringify(body), { timeout: options.timeoutMs, headers: headersOf(options.context) });
  const answer = await unlessLost(bus, request).catch((error: unknown) => {
    if (error instanceof NatsError && error.code === NatsErrorCode.NoResponders) throw new Refused(silence, { hint: 'Nobody serves it.' });
    throw new Refused(silence, { hint: 'It did not answer in time.' }, { cause: error });
  });
  return readAnswer(answer);
};

const unlessLost = async <T>(bus: Bus, answer: Promise<T>): Promise<T> => {
  let stop = (): void => undefined;
  const lost = new Promise<never>((_, fail) => (stop = bus.onLost(() => fail(new Error('the connection was lost')))));
  return Promise.race([answer, lost]).finally(stop);
};

const readAnswer = (answer: Msg): unknown => {
  let body: unknown;
  try {
    body = answer.json<unknown>();
  } catch {
    throw new Refused('INTERNAL');
  }
  if (answer.headers?.has('Nats-Service-Error-Code')) throw Refused.fromProblem(body);
  return body;
};

import { ErrorCode as NatsErrorCode, NatsError, type Msg } from 'nats';
import { Refused, type ErrorCode } from '#contracts';
import type { Bus } from './connection';
import { headersOf, type RequestContext } from './request-context';

export interface AskOptions {
  context: Partial<Omit<RequestContext, 'subject'>>;
  timeoutMs: number;
  /** What an unanswered request is called; a node's silence is not that of a service. */
  silence?: ErrorCode;
  /** Answered at once by whoever serves the subject. Without an answer to it nobody does, and the wait ends early. */
  ping?: string;
}

/** Across accounts the server does not say that nobody serves a subject: the request just stays unanswered. */
const PING_AFTER_MS = 250;
/** Longer than an event loop at work stands still. */
const PING_TIMEOUT_MS = 2_000;

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
  const answer = await unlessLost(bus, unlessDeaf(bus, request, options.ping)).catch((error: unknown) => {
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

const unlessDeaf = async (bus: Bus, answer: Promise<Msg>, ping: string | undefined): Promise<Msg> => {
  if (ping === undefined) return answer;
  let timer: NodeJS.Timeout | undefined;
  const deaf = new Promise<never>((_, fail) => {
    timer = setTimeout(() => {
      bus.nats.request(ping, undefined, { timeout: PING_TIMEOUT_MS }).catch((error: unknown) => {
        if (error instanceof NatsError && error.code === NatsErrorCode.Timeout) fail(new NatsError('nobody', NatsErrorCode.NoResponders));
      });
    }, PING_AFTER_MS);
  });
  return Promise.race([answer, deaf]).finally(() => clearTimeout(timer));
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

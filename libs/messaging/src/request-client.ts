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
 * @throws Refused as the other side answered, or `silence` (SERVICE_UNAVAILABLE) when nobody did.
 */
export const ask = async (bus: Bus, subject: string, body: unknown, options: AskOptions): Promise<unknown> => {
  const silence = options.silence ?? 'SERVICE_UNAVAILABLE';
  if (!bus.connected()) throw new Refused('SERVICE_UNAVAILABLE');
  const answer = await bus.nats
    .request(subject, JSON.stringify(body), { timeout: options.timeoutMs, headers: headersOf(options.context) })
    .catch((error: unknown) => {
      if (error instanceof NatsError && error.code === NatsErrorCode.NoResponders)
        throw new Refused(silence, { hint: 'Nobody serves it.' });
      throw new Refused(silence, { hint: 'It did not answer in time.' }, { cause: error });
    });
  return readAnswer(answer);
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

import { Server, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import { headers as natsHeaders, type MsgHdrs, type Service as NatsService, type ServiceMsg } from 'nats';
import { lastValueFrom } from 'rxjs';
import { Refused } from '#contracts';
import { counter, countAuthFailure, crashPoint, durations, type Logger } from '#runtime';
import type { Bus } from './connection';
import { startEventConsumer, type EventConsumer, type EventPatternOptions } from './event-consumer';
import { readBody } from './read-body';
import { contextOf } from './request-context';

export interface NatsServerOptions {
  /** Name in the services API: `$SRV.PING.<name>`. Also the queue group. */
  name: string;
  version: string;
  description: string;
  bus: Bus;
  log: Logger;
  /** `{name}` in a pattern stands for a value known only at start, such as the node's id. */
  parameters?: Record<string, string>;
  /** Requests at work at once; more are answered RATE_LIMITED. */
  maxInFlight?: number;
}

const answered = counter('spindle_requests_total', 'Requests answered on NATS', ['subject', 'code']);
const took = durations('spindle_request_duration_seconds', 'Time to answer a request on NATS', ['subject']);

/** The client reads headers when they are first asked for, and throws at half a line end within one (nats 2.29, headers.js). */
const readHeaders = (message: ServiceMsg): MsgHdrs | undefined => {
  try {
    return message.headers;
  } catch {
    throw new Refused('MALFORMED_REQUEST');
  }
};

/**
 * Serves `@MessagePattern` handlers as endpoints of the NATS services API, plain JSON both ways, and `@EventPattern`
 * handlers as durable JetStream consumers.
 *
 * Nest's own NATS transport cannot: it takes a request without its envelope `{pattern, data, id}` for an event and never
 * replies, and it knows no JetStream (nestjs/nest issues 8776 and 13198).
 */
export class NatsServerStrategy extends Server implements CustomTransportStrategy {
  private service?: NatsService;
  private readonly consumers: EventConsumer[] = [];
  private readonly atWork = new Set<Promise<void>>();

  constructor(private readonly options: NatsServerOptions) {
    super();
  }

  listen(callback: (error?: unknown) => void): void {
    this.start().then(() => callback(), callback);
  }

  private async start(): Promise<void> {
    const { bus, name, version, description, log } = this.options;
    this.service = await bus.nats.services.add({ name, version, description, queue: name });
    for (const [pattern, handler] of this.messageHandlers) {
      const subject = pattern.replace(/\{(\w+)\}/g, (_, parameter: string) => this.options.parameters?.[parameter] ?? parameter);
      if (handler.isEventHandler) {
        const extras = handler.extras as EventPatternOptions;
        this.consumers.push(startEventConsumer({ bus, log, subject, ...extras, handle: (body) => this.run(handler, body, undefined) }));
      } else this.serve(subject, handler);
    }
    await bus.nats.flush();
  }

  private serve(subject: string, handler: MessageHandler): void {
    answered.inc({ subject, code: 'INTERNAL' }, 0); // its first one shall be an increase
    this.service!.addEndpoint(subject.replaceAll('*', 'any').replaceAll('.', '-'), {
      subject,
      handler: (error, message) => {
        if (error) return;
        const work: Promise<void> = this.answer(subject, handler, message).finally(() => this.atWork.delete(work));
        this.atWork.add(work);
      },
    });
  }

  private async answer(subject: string, handler: MessageHandler, message: ServiceMsg): Promise<void> {
    let context = contextOf(message.subject, undefined);
    const headers = natsHeaders();
    headers.set('X-Request-Id', context.requestId);
    headers.set('Content-Type', 'application/json');
    const stop = took.startTimer({ subject });
    let code = 'OK';
    try {
      context = contextOf(message.subject, readHeaders(message));
      headers.set('X-Request-Id', context.requestId);
      if (this.atWork.size >= (this.options.maxInFlight ?? 1_000)) throw new Refused('RATE_LIMITED', { retryAfter: 1 });
      const reply = await this.run(handler, readBody(message.data), context);
      crashPoint('service.before-reply');
      message.respond(JSON.stringify(reply), { headers });
      setImmediate(crashPoint, 'service.replied');
    } catch (error) {
      const refused = error instanceof Refused ? error : new Refused('INTERNAL');
      code = refused.code;
      countAuthFailure(refused.code);
      const facts = { request_id: context.requestId, subject: context.subject, code };
      if (refused.status >= 500) this.options.log.error({ ...facts, err: error }, 'a request failed');
      else this.options.log.info(facts, 'a request was refused');
      headers.set('Content-Type', 'application/problem+json');
      message.respondError(refused.status, refused.code, Buffer.from(JSON.stringify(refused.toProblem(context.requestId))), { headers });
    }
    stop();
    answered.inc({ subject, code });
  }

  private async run(handler: MessageHandler, body: unknown, context: unknown): Promise<unknown> {
    return lastValueFrom(this.transformToObservable(await handler(body, context)), { defaultValue: undefined });
  }

  /** Takes no more, finishes what is at work. The connection stays open: what finishes may still need it. */
  async close(): Promise<void> {
    await Promise.all([
      this.options.bus.connected() ? this.service?.stop() : undefined,
      ...this.consumers.map((consumer) => consumer.stop()),
    ]);
    await Promise.allSettled(this.atWork);
  }

  on(): void {}

  unwrap<T>(): T {
    return this.options.bus.nats as T;
  }
}

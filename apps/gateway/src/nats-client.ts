import type { Request, Response } from 'express';
import { Refused, pingSubject, type RequestContract } from '#contracts';
import { ask, connectBus, preferredWaitSeconds, type Bus } from '#messaging';
import { crashPoint, type Logger } from '#runtime';
import type { Settings } from './config';
import { clientAddress, locals, type HttpExchange } from './http-exchange';
import { locationOf, successStatus } from './reply-headers';
import { requestBody } from './request-body';
import { requestInput } from './request-input';

/** Longest `Prefer: wait=N`, seconds: with the margin it stays below the 30 s that an HTTP request may take. */
const MAX_WAIT_SECONDS = 25;
/** What the service's own waiting may be late by, the way there and back included. */
const REPLY_MARGIN_MS = 1_000;

/** The gateway's door to NATS: every route is one request. */
export class NatsClient {
  private connected?: Bus;
  private closing?: Promise<void>;
  private underWay = 0;

  constructor(
    private readonly settings: Settings,
    private readonly log: Logger,
  ) {}

  /** Does not wait: HTTP must answer, and say what is missing, while NATS is away. */
  connect(): void {
    connectBus('gateway', this.settings, this.log, 'gateway').then(
      (bus) => (this.connected = bus),
      (err: unknown) => this.log.error({ err }, 'NATS refuses the gateway'),
    );
  }

  /** @throws Refused SERVICE_UNAVAILABLE until there is a first connection. */
  get bus(): Bus {
    if (!this.connected) throw new Refused('SERVICE_UNAVAILABLE');
    return this.connected;
  }

  /** Answers one HTTP request with what the service behind the contract's subject says. @throws Refused RATE_LIMITED when too many wait */
  async ask(contract: RequestContract, { request, response }: HttpExchange): Promise<unknown> {
    const input = requestInput(contract, { params: request.params, query: request.query, body: requestBody(request) });
    if (this.underWay >= this.settings.MAX_REQUESTS) throw new Refused('RATE_LIMITED', { retryAfter: 1 });
    this.underWay++;
    const reply = await this.forward(contract, input, request, response).finally(() => this.underWay--);
    crashPoint('gateway.reply-received');
    response.once('finish', () => crashPoint('gateway.replied'));
    const location = locationOf(contract, reply);
    if (location) response.setHeader('Location', location);
    response.status(successStatus(contract, reply));
    return reply;
  }

  private async forward(contract: RequestContract, input: unknown, request: Request, response: Response): Promise<unknown> {
    const asked = preferredWaitSeconds(request.get('prefer'));
    const preferWaitSeconds = asked === undefined ? undefined : Math.min(asked, MAX_WAIT_SECONDS);
    const bus = this.bus;
    locals(response).asked = true;
    setImmediate(crashPoint, 'gateway.request-sent');
    return ask(bus, contract.subject, input, {
      context: {
        requestId: locals(response).requestId,
        authorization: request.get('authorization'),
        source: `http:${clientAddress(request)}`,
        preferWaitSeconds,
        idempotencyKey: request.get('idempotency-key'),
      },
      timeoutMs: this.timeoutMs(preferWaitSeconds),
      ping: pingSubject(contract.subject),
    });
  }

  private timeoutMs(preferWaitSeconds: number | undefined): number {
    const replyMs = preferWaitSeconds === undefined ? this.settings.CREATE_REPLY_MS : preferWaitSeconds * 1_000;
    return Math.max(this.settings.REQUEST_TIMEOUT_MS, replyMs + REPLY_MARGIN_MS);
  }

  /** What was asked and has no answer yet is refused then. */
  close(): Promise<void> {
    this.closing ??= this.connected?.close() ?? Promise.resolve();
    return this.closing;
  }
}

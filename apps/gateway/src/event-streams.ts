import { once } from 'node:events';
import type { Response } from 'express';
import { Refused } from '#contracts';
import { readEvents, type StoredEvent } from '#messaging';
import { counter, gauge, type Logger } from '#runtime';
import { locals } from './http-exchange';
import type { NatsClient } from './nats-client';

/** Proxies close a connection on which nothing came for a minute or so. */
const HEARTBEAT_MS = 15_000;
/** A client that takes nothing for so long is cut off; it can go on from its Last-Event-ID. */
const STALLED_MS = 30_000;

const open = gauge('spindle_event_streams', 'Event streams that are open');
const sent = counter('spindle_event_stream_events_total', 'Events sent on event streams');

/** One event in the format of server-sent events; JSON has no line breaks of its own. */
export const eventFrame = ({ streamSequence, name, body }: StoredEvent): string =>
  `id: ${streamSequence}\nevent: ${name}\ndata: ${JSON.stringify(body)}\n\n`;

/** The open event streams: each ends with its client, with its token, or when the gateway leaves. */
export class EventStreams {
  private readonly enders = new Set<() => void>();
  private leaving = false;

  constructor(
    private readonly nats: NatsClient,
    private readonly maxStreams: number,
    private readonly log: Logger,
  ) {}

  /** @throws Refused RATE_LIMITED when as many are open as may be, SERVICE_UNAVAILABLE when NATS gives no events. */
  async serve(response: Response, afterSequence: number | undefined): Promise<void> {
    if (this.leaving) throw new Refused('SERVICE_UNAVAILABLE');
    if (this.enders.size >= this.maxStreams)
      throw new Refused('RATE_LIMITED', { retryAfter: 10, hint: 'As many event streams are open as may be.' });
    const ended = new AbortController();
    const end = () => ended.abort();
    this.enders.add(end);
    open.set(this.enders.size);
    response.once('close', end);
    try {
      const { events, stop } = await this.subscribe(afterSequence);
      ended.signal.addEventListener('abort', stop, { once: true });
      if (ended.signal.aborted) stop();
      await this.send(response, events, ended);
    } finally {
      end();
      this.enders.delete(end);
      open.set(this.enders.size);
    }
  }

  private async subscribe(afterSequence: number | undefined): ReturnType<typeof readEvents> {
    const { bus } = this.nats;
    if (!bus.connected()) throw new Refused('SERVICE_UNAVAILABLE');
    return readEvents(bus, afterSequence).catch((err: unknown) => {
      this.log.warn({ err }, 'NATS gives no events');
      throw new Refused('SERVICE_UNAVAILABLE', {}, { cause: err });
    });
  }

  private async send(response: Response, events: AsyncIterable<StoredEvent>, ended: AbortController): Promise<void> {
    // X-Accel-Buffering: nginx would otherwise hold events back until its buffer is full.
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' });
    response.write(': events follow\n\n');
    const heartbeat = setInterval(() => response.write(': heartbeat\n\n'), HEARTBEAT_MS);
    const untilTokenEnds = setTimeout(() => ended.abort(), Math.max(0, (locals(response).tokenEndsAt ?? 0) - Date.now()));
    try {
      for await (const event of events) {
        if (ended.signal.aborted) break;
        sent.inc();
        if (!response.write(eventFrame(event))) await drained(response, ended.signal);
      }
      response.end();
    } catch (err) {
      this.log.info({ err, request_id: locals(response).requestId }, 'an event stream was cut off');
      response.destroy();
    } finally {
      clearInterval(heartbeat);
      clearTimeout(untilTokenEnds);
    }
  }

  closeAll(): void {
    this.leaving = true;
    for (const end of this.enders) end();
  }
}

/** Resolves when the client has taken what was written or the stream has ended; rejects when it takes nothing for too long. */
const drained = async (response: Response, ended: AbortSignal): Promise<void> => {
  const stalled = AbortSignal.timeout(STALLED_MS);
  await once(response, 'drain', { signal: AbortSignal.any([stalled, ended]) }).catch((error: unknown) => {
    if (stalled.aborted) throw error;
  });
};

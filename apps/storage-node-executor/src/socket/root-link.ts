import { connect } from 'node:net';
import type { z } from 'zod';
import { Refused } from '#contracts';
import type { Logger } from '#runtime';
import { LinePeer, type AskOptions, type Handlers } from './line-peer';
import { BUS_VERBS, ROOT_VERBS } from './verbs';

const AGAIN_MS = 250;

type Peer = LinePeer<typeof BUS_VERBS, typeof ROOT_VERBS>;

/** The way to the root part, which is connected again for ever. */
export class RootLink {
  private peer: Peer | null = null;
  private closed = false;
  private timer: NodeJS.Timeout | undefined;

  /** @param onUp the root part has let us in, for the first time or again. */
  constructor(
    private readonly path: string,
    private readonly handlers: Handlers<typeof BUS_VERBS>,
    private readonly onUp: () => void,
    private readonly log: Logger,
  ) {
    this.dial();
  }

  /** @throws Refused as the root part answered; NODE_OFFLINE while it is away. */
  async ask<Verb extends keyof typeof ROOT_VERBS>(
    verb: Verb,
    body: unknown,
    options: AskOptions = {},
  ): Promise<z.output<(typeof ROOT_VERBS)[Verb]['reply']>> {
    const away = () => new Refused('NODE_OFFLINE', { hint: 'The part of the executor that changes the kernel is away.' });
    if (!this.peer) throw away();
    return this.peer.ask(verb, body, options).catch((error: unknown) => {
      throw error instanceof Refused && error.code === 'SERVICE_UNAVAILABLE' ? away() : error;
    });
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.peer?.close();
  }

  private dial(): void {
    const socket = connect(this.path);
    const peer: Peer = new LinePeer(socket, BUS_VERBS, this.handlers, ROOT_VERBS, this.log);
    socket.once('connect', () => {
      // turned away, if another client is there: then nothing is answered
      peer.ask('ready', {}, { timeoutMs: 10_000 }).then(
        () => {
          this.peer = peer;
          this.log.info('the root part is here');
          this.onUp();
        },
        () => socket.destroy(),
      );
    });
    socket.once('close', () => {
      if (this.peer) this.log.warn('the root part is gone');
      this.peer = null;
      if (!this.closed) this.timer = setTimeout(() => this.dial(), AGAIN_MS);
    });
  }
}

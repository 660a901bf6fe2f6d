import type { DataSource } from 'typeorm';
import type { TokenExchange } from '#messaging';
import type { AnonymousRefusals, Logger } from '#runtime';
import type { Signer } from './checkpoint-note';

/** What the use cases work with; made once, at start. */
export class Parts {
  constructor(
    readonly database: DataSource,
    readonly tokens: TokenExchange,
    readonly signer: Signer,
    readonly refusals: AnonymousRefusals,
    readonly log: Logger,
  ) {}
}

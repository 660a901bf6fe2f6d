import type { DataSource } from 'typeorm';
import type { AnonymousRefusals, Logger } from '#runtime';
import type { Signer } from './checkpoint-note';

/** What the use cases work with; made once, at start. */
export class Parts {
  constructor(
    readonly database: DataSource,
    /** PEM. */
    readonly publicKey: string,
    readonly signer: Signer,
    readonly refusals: AnonymousRefusals,
    readonly log: Logger,
  ) {}
}

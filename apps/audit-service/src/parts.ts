import type { DataSource } from 'typeorm';
import type { AnonymousRefusals, Logger } from '#runtime';

/** What the use cases work with; made once, at start. */
export class Parts {
  constructor(
    readonly database: DataSource,
    /** PEM. */
    readonly publicKey: string,
    readonly refusals: AnonymousRefusals,
    readonly log: Logger,
  ) {}
}

import type { DataSource } from 'typeorm';
import type { Bus } from '#messaging';
import type { Logger } from '#runtime';
import type { Settings } from './config';
import type { DoTogether } from './do-together';
import { NodeLoads } from './inventory/node-loads';
import type { OutboxRelay } from './outbox/outbox-relay';
import type { ChapSecrets } from './secrets/chap-secrets';
import type { OperationRunner } from './reconcile/operation-runner';

/** What the use cases work with; made once in the module. */
export class Parts {
  /** Set right after, since both work with the parts too. */
  operations: OperationRunner;
  together: DoTogether;
  readonly loads = new NodeLoads();

  constructor(
    readonly settings: Settings,
    readonly database: DataSource,
    readonly bus: Bus,
    readonly relay: OutboxRelay,
    readonly chap: ChapSecrets,
    readonly log: Logger,
  ) {}
}

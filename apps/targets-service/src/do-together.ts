import { Together, inDatabase, inTransaction } from '#database';
import { findAskers, type Asker, type AskerNames } from './access/api-token.store';
import type { Parts } from './parts';
import { CLAIM_MS } from './reconcile/operation-runner';
import { recordResults, type Ended } from './reconcile/run-operation';
import { recordDeletes, type AcceptedDelete, type AskedDelete } from './targets/delete-target';
import { recordCreates, type AskedCreate } from './targets/record-creates';
import type { Target } from './targets/target.entity';
import { claimOperations, findTargets, releaseClaims } from './targets/target.store';

/** What many commands of one moment share: the reads that each needs, and the transactions that make them durable. */
export class DoTogether {
  readonly askers: Together<AskerNames, Asker>;
  /** For those who wait for an operation of somebody else. */
  readonly targets: Together<string, Target | null>;
  readonly creates: Together<AskedCreate, Target>;
  readonly deletes: Together<AskedDelete, AcceptedDelete>;
  readonly claims: Together<string, Target | null>;
  readonly releases: Together<Target, undefined>;
  readonly results: Together<Ended, Target | null>;

  constructor(parts: Parts) {
    const { database } = parts;
    this.askers = new Together((names) => inDatabase(database, (tx) => findAskers(tx, names)));
    this.targets = new Together((ids) => inDatabase(database, (tx) => findTargets(tx, ids)));
    this.creates = new Together((asked) => inTransaction(database, (tx) => recordCreates(tx, parts, asked)));
    this.deletes = new Together((asked) => inTransaction(database, (tx) => recordDeletes(tx, asked)));
    this.claims = new Together((ids) => inTransaction(database, (tx) => claimOperations(tx, ids, CLAIM_MS)));
    this.releases = new Together((targets) =>
      inTransaction(database, (tx) => releaseClaims(tx, targets)).then(() => targets.map(() => undefined)),
    );
    this.results = new Together((ended) => inTransaction(database, (tx) => recordResults(tx, ended)));
  }
}

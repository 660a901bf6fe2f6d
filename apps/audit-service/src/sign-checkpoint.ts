import { createPublicKey } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { inTransaction } from '#database';
import { CHECKPOINT_STREAM, CHECKPOINT_SUBJECT, ensureStreams, publishStored, type Bus } from '#messaging';
import { counter, crashPoint, gauge } from '#runtime';
import { openCheckpoint, signCheckpoint, type Signer } from './checkpoint-note';
import type { CheckpointFile } from './checkpoint-file';
import type { Parts } from './parts';
import { addHead, lastHead, rootOf, takeSigningTurn, treeSize, type SignedHead } from './tree.store';

/** When there is something new: so many entries, or so long after the last one. */
export interface Pace {
  entries: number;
  seconds: number;
}

export const checkpointAge = gauge(
  'spindle_audit_checkpoint_age_seconds',
  'Age of the newest signed head while there are entries that it does not cover, else 0',
);
const sizeGauge = gauge('spindle_audit_checkpoint_size', 'Entries that the newest signed head covers');
const failures = counter('spindle_audit_checkpoint_failures_total', 'Times that a head could not be signed or passed on', ['reason']);
for (const reason of ['inconsistent', 'other']) failures.inc({ reason }, 0);

/** The trail is not what was signed before. Nothing is signed until a person has found out why. */
export class Inconsistent extends Error {}

/**
 * Signs the head of the tree if it is time to, after making sure that the tree still begins with what was signed last: by the database,
 * and by the file outside of it, which a restored older database does not take back with it.
 * @returns the newest head, whoever signed it; null while there is none
 * @throws Inconsistent
 */
export const signIfDue = async (tx: EntityManager, signer: Signer, pace: Pace, outside: string[]): Promise<SignedHead | null> => {
  await takeSigningTurn(tx);
  const last = await lastHead(tx);
  const size = await treeSize(tx);
  const uncovered = size - (last?.size ?? 0);
  const ageSeconds = last ? (Date.now() - last.signedAt.getTime()) / 1_000 : Infinity;
  checkpointAge.set(uncovered > 0 && last ? ageSeconds : 0);
  if (uncovered === 0) return last;
  if (uncovered > 0 && uncovered < pace.entries && ageSeconds < pace.seconds) return last;
  if (last) await mustBeginWith(tx, size, last.size, last.root, 'the database');
  const verifier = { origin: signer.origin, publicKey: createPublicKey(signer.privateKey) };
  const kept = outside.map((note) => openCheckpoint(note, verifier)).findLast((head) => head !== null);
  if (kept) await mustBeginWith(tx, size, kept.size, kept.root, 'the file of checkpoints');
  const root = await rootOf(tx, size);
  const note = signCheckpoint(signer, size, root);
  await addHead(tx, size, root, note);
  return { size, root, note, signedAt: new Date() };
};

const mustBeginWith = async (tx: EntityManager, size: number, signedSize: number, root: Buffer, by: string): Promise<void> => {
  if (signedSize > size) throw new Inconsistent(`the trail has ${size} entries, and ${by} has a signed head of ${signedSize}`);
  if (!(await rootOf(tx, signedSize)).equals(root)) throw new Inconsistent(`the first ${signedSize} entries are not those of ${by}`);
};

export const countFailure = (error: unknown): void => failures.inc({ reason: error instanceof Inconsistent ? 'inconsistent' : 'other' });

/** Passes heads on to where the database's owner cannot reach them. What could not be is tried again, since the file says what it has. */
export class CheckpointWriter {
  private passedOn = 0;

  constructor(
    private readonly parts: Pick<Parts, 'database' | 'signer'>,
    private readonly bus: Bus,
    private readonly file: CheckpointFile | undefined,
    private readonly pace: Pace,
  ) {}

  /** One turn. @throws Inconsistent, and whatever kept it from signing or passing on */
  async turn(): Promise<void> {
    const { database, signer } = this.parts;
    const outside = this.file?.newest() ?? [];
    const head = await inTransaction(database, (tx) => signIfDue(tx, signer, this.pace, outside));
    if (!head || head.size <= this.passedOn) return;
    crashPoint('audit.checkpoint-signed');
    sizeGauge.set(head.size);
    if (this.file && outside.at(-1) !== head.note) this.file.append(head.note);
    // each time: where streams are in another account, nobody says that one is missing
    await ensureStreams(this.bus.nats, [CHECKPOINT_STREAM]);
    await publishStored(this.bus.nats, { subject: CHECKPOINT_SUBJECT, id: `checkpoint-${head.size}`, body: head.note });
    this.passedOn = head.size;
    crashPoint('audit.checkpoint-witnessed');
  }
}

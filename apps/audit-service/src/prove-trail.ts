import { createPublicKey } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { GetCheckpoint, ProveConsistency, ProveInclusion, Refused, type InputOf, type OutputOf } from '#contracts';
import { inDatabase } from '#database';
import type { RequestContext } from '#messaging';
import { verifierKey } from './checkpoint-note';
import { consistencyRanges, inclusionRanges } from './merkle';
import type { Parts } from './parts';
import { readTrail } from './read-trail';
import { lastHead, rangeHashes, readNodes, rootOf, treeSize, type SignedHead } from './tree.store';

const base64 = (hash: Buffer): string => hash.toString('base64');

/** @throws Refused NO_CHECKPOINT while none was signed */
export const newestHead = async (tx: EntityManager): Promise<SignedHead> => {
  const head = await lastHead(tx);
  if (!head) throw new Refused('NO_CHECKPOINT', { retryAfter: 60 });
  return head;
};

/** The newest signed head. @throws Refused NO_CHECKPOINT */
export const getCheckpoint = (parts: Parts, body: unknown, context: RequestContext): Promise<OutputOf<typeof GetCheckpoint>> =>
  readTrail(parts, GetCheckpoint, body, context, async () => {
    const { size, note } = await inDatabase(parts.database, newestHead);
    const { origin, privateKey } = parts.signer;
    return { size, note, verifier_key: verifierKey(origin, createPublicKey(privateKey)) };
  });

/** Good against any signed head of that size, whoever kept it. @throws Refused ENTRY_NOT_FOUND, NO_CHECKPOINT */
export const proveInclusion = (parts: Parts, body: unknown, context: RequestContext): Promise<OutputOf<typeof ProveInclusion>> =>
  readTrail(parts, ProveInclusion, body, context, (input) => inDatabase(parts.database, (tx) => inclusionProof(tx, input)));

/** @throws Refused ENTRY_NOT_FOUND, NO_CHECKPOINT, and INVALID_VALUE when `from` is the later one */
export const proveConsistency = (parts: Parts, body: unknown, context: RequestContext): Promise<OutputOf<typeof ProveConsistency>> =>
  readTrail(parts, ProveConsistency, body, context, (input) => inDatabase(parts.database, (tx) => consistencyProof(tx, input)));

const inclusionProof = async (tx: EntityManager, input: InputOf<typeof ProveInclusion>): Promise<OutputOf<typeof ProveInclusion>> => {
  const { seq, size = (await newestHead(tx)).size } = input;
  if (seq > size || size > (await treeSize(tx))) throw new Refused('ENTRY_NOT_FOUND');
  const [leaf] = await readNodes(tx, [{ level: 0, position: seq - 1 }]);
  const proof = await rangeHashes(tx, inclusionRanges(seq - 1, size));
  return { seq, size, leaf: base64(leaf!), root: base64(await rootOf(tx, size)), proof: proof.map(base64) };
};

const consistencyProof = async (tx: EntityManager, input: InputOf<typeof ProveConsistency>): Promise<OutputOf<typeof ProveConsistency>> => {
  const { from, to = (await newestHead(tx)).size } = input;
  if (from > to) throw new Refused('INVALID_VALUE', { errors: [{ field: 'from', code: 'INVALID_VALUE', message: 'is after to' }] });
  if (to > (await treeSize(tx))) throw new Refused('ENTRY_NOT_FOUND');
  const proof = await rangeHashes(tx, consistencyRanges(from, to));
  return { from, to, from_root: base64(await rootOf(tx, from)), to_root: base64(await rootOf(tx, to)), proof: proof.map(base64) };
};

import type { EntityManager } from 'typeorm';
import { finishedBy, foldHashes, keyOf, nodeHash, subtreesOf, type Address, type Range } from './merkle';

/** All SQL of the Merkle tree over the trail: hashes of entries and of complete subtrees, and what was signed. */

/**
 * Adds the hash of the entry at place `seq`, and the subtrees that it finishes: one read and one write at most. Right behind the
 * insert of the entry, whose lock makes appends take turns.
 */
export const addLeaf = async (tx: EntityManager, seq: number, leaf: Buffer): Promise<void> => {
  const index = seq - 1;
  const parents = finishedBy(index);
  const neighbours = parents.map(({ level, position }) => ({ level: level - 1, position: position * 2 }));
  const hashes = await readNodes(tx, neighbours);
  const added: (Address & { hash: Buffer })[] = [{ level: 0, position: index, hash: leaf }];
  for (const [at, parent] of parents.entries()) added.push({ ...parent, hash: nodeHash(hashes[at]!, added[at]!.hash) });
  await tx.query('INSERT INTO audit.nodes (level, position, hash) SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::bytea[])', [
    added.map(({ level }) => level),
    added.map(({ position }) => position),
    added.map(({ hash }) => hash),
  ]);
};

/** In the order that was asked for. @throws Error when one is missing: somebody has been at the tables */
export const readNodes = async (tx: EntityManager, addresses: Address[]): Promise<Buffer[]> => {
  if (addresses.length === 0) return [];
  const rows = await tx.query<{ level: number; position: string; hash: Buffer }[]>(
    `SELECT level, position, hash FROM audit.nodes JOIN unnest($1::smallint[], $2::bigint[]) AS asked (level, position)
     USING (level, position)`,
    [addresses.map(({ level }) => level), addresses.map(({ position }) => position)],
  );
  const found = new Map(rows.map(({ level, position, hash }) => [keyOf({ level, position: Number(position) }), hash]));
  return addresses.map((address) => {
    const hash = found.get(keyOf(address));
    if (!hash) throw new Error(`the hash tree of the trail lacks node ${keyOf(address)}`);
    return hash;
  });
};

/** One hash a range: the parts of a proof. */
export const rangeHashes = async (tx: EntityManager, ranges: Range[]): Promise<Buffer[]> => {
  const parts = ranges.map(subtreesOf);
  const hashes = await readNodes(tx, parts.flat());
  return parts.map((part) => foldHashes(hashes.splice(0, part.length)));
};

export const rootOf = async (tx: EntityManager, size: number): Promise<Buffer> => (await rangeHashes(tx, [{ start: 0, end: size }]))[0]!;

/** Entries that the tree has; also when the oldest are dropped. */
export const treeSize = async (tx: EntityManager): Promise<number> => {
  const [last] = await tx.query<{ size: string }[]>('SELECT coalesce(max(position), -1) + 1 AS size FROM audit.nodes WHERE level = 0');
  return Number(last!.size);
};

export interface SignedHead {
  size: number;
  root: Buffer;
  note: string;
  signedAt: Date;
}

interface CheckpointRow {
  size: string;
  root: Buffer;
  note: string;
  signed_at: Date;
}

const headOf = ({ size, root, note, signed_at }: CheckpointRow): SignedHead => ({ size: Number(size), root, note, signedAt: signed_at });

/** The newest one. */
export const lastHead = async (tx: EntityManager): Promise<SignedHead | null> => {
  const [row] = await tx.query<CheckpointRow[]>('SELECT * FROM audit.checkpoints ORDER BY size DESC LIMIT 1');
  return row ? headOf(row) : null;
};

/** Those of the trees larger than `after` and no larger than `upTo`, smallest first. */
export const headsBetween = async (tx: EntityManager, after: number, upTo: number, limit: number): Promise<SignedHead[]> => {
  const rows = await tx.query<CheckpointRow[]>('SELECT * FROM audit.checkpoints WHERE size > $1 AND size <= $2 ORDER BY size LIMIT $3', [
    after,
    upTo,
    limit,
  ]);
  return rows.map(headOf);
};

/** One that signs at a time; another finds, when it is its turn, what its predecessor signed. */
export const takeSigningTurn = (tx: EntityManager): Promise<unknown> => tx.query('SELECT pg_advisory_xact_lock(7410004)');

export const addHead = (tx: EntityManager, size: number, root: Buffer, note: string): Promise<unknown> =>
  tx.query('INSERT INTO audit.checkpoints (size, root, note) VALUES ($1, $2, $3)', [size, root, note]);

import type { EntityManager } from 'typeorm';
import { TreeEdge, foldHashes, keyOf, subtreesOf, type Address, type Range, type Subtree } from './merkle';

/** All SQL of the Merkle tree over the trail: hashes of entries and of complete subtrees, and what was signed. */

/**
 * Adds the hashes of entries, the first of which has place `seq`, and the subtrees that they finish: one read and one write, however
 * many they are. Right behind the insert of the entries, whose lock makes appends take turns.
 */
export const addLeaves = async (tx: EntityManager, seq: number, leaves: Buffer[]): Promise<void> => {
  const size = seq - 1;
  const edge = new TreeEdge(size, await readNodes(tx, subtreesOf({ start: 0, end: size })));
  const added: Subtree[] = [];
  for (const leaf of leaves) edge.add(leaf, (subtree) => added.push(subtree));
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

import { createHash } from 'node:crypto';

/** The Merkle tree of RFC 6962, section 2.1. Pure: what is stored of it, and where, is not known here. */

/** A complete subtree: 2^level leaves from leaf `position * 2^level`. Level 0 is a leaf. */
export interface Address {
  level: number;
  position: number;
}

/** Leaves from `start` to before `end`. */
export interface Range {
  start: number;
  end: number;
}

const sha256 = (prefix: number, ...parts: Uint8Array[]): Buffer => {
  const hash = createHash('sha256').update(Uint8Array.of(prefix));
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** The prefixes keep a node from passing for a leaf. */
export const leafHash = (data: Uint8Array): Buffer => sha256(0, data);
export const nodeHash = (left: Uint8Array, right: Uint8Array): Buffer => sha256(1, left, right);

/** Root of the tree without leaves. */
export const EMPTY_ROOT = createHash('sha256').digest();

export const keyOf = ({ level, position }: Address): string => `${level}/${position}`;

/** Arithmetic without bit operators, which end at 32 bits. */
const largestPowerBelow = (count: number): number => {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
};

/** The complete subtrees that make up a range, left to right: at most two a level. */
export const subtreesOf = ({ start, end }: Range): Address[] => {
  const found: Address[] = [];
  for (let at = start; at < end;) {
    let level = 0;
    while (at % 2 ** (level + 1) === 0 && at + 2 ** (level + 1) <= end) level++;
    found.push({ level, position: at / 2 ** level });
    at += 2 ** level;
  }
  return found;
};

/** Hash over neighbouring subtrees: of a whole tree, or of a range of a proof. */
export const foldHashes = (hashes: Uint8Array[]): Buffer =>
  hashes.length === 0 ? EMPTY_ROOT : Buffer.from(hashes.reduceRight((right, left) => nodeHash(left, right)));

/** PATH of section 2.1.1: the ranges whose hashes, in this order, lead from a leaf to the root of the first `size` leaves. */
export const inclusionRanges = (index: number, size: number, start = 0): Range[] => {
  if (size <= 1) return [];
  const left = largestPowerBelow(size);
  return index < left
    ? [...inclusionRanges(index, left, start), { start: start + left, end: start + size }]
    : [...inclusionRanges(index - left, size - left, start + left), { start, end: start + left }];
};

/** PROOF of section 2.1.2: the ranges that show that the tree of `from` leaves is the beginning of that of `to`. */
export const consistencyRanges = (from: number, to: number): Range[] => (from === 0 ? [] : subproof(from, 0, to, true));

const subproof = (from: number, start: number, end: number, whole: boolean): Range[] => {
  const size = end - start;
  if (from === size) return whole ? [] : [{ start, end }];
  const left = largestPowerBelow(size);
  return from <= left
    ? [...subproof(from, start, start + left, whole), { start: start + left, end }]
    : [...subproof(from - left, start + left, end, false), { start, end: start + left }];
};

/** Section 2.1.3.2 of RFC 9162, which spells out what RFC 6962 leaves to the reader. Null for a proof of another length. */
export const rootByInclusion = (leaf: Uint8Array, index: number, size: number, proof: Uint8Array[]): Buffer | null => {
  const ranges = index >= 0 && index < size ? inclusionRanges(index, size) : null;
  if (ranges?.length !== proof.length) return null;
  return Buffer.from(proof.reduce((hash, other, at) => (ranges[at]!.start > index ? nodeHash(hash, other) : nodeHash(other, hash)), leaf));
};

/** Section 2.1.4.2 of RFC 9162. */
export const isConsistent = (from: number, to: number, fromRoot: Uint8Array, toRoot: Uint8Array, proof: Uint8Array[]): boolean => {
  if (from > to || from < 0) return false;
  if (from === 0) return proof.length === 0 && EMPTY_ROOT.equals(fromRoot);
  const ranges = consistencyRanges(from, to);
  if (ranges.length !== proof.length) return false;
  if (from === to) return Buffer.from(fromRoot).equals(toRoot);
  const parts = ranges.map((range, at) => ({ ...range, hash: proof[at]! }));
  // When the old tree is one complete subtree of the new one, the proof leaves its root out.
  if (!parts.some(({ start }) => start === 0)) parts.unshift({ start: 0, end: from, hash: fromRoot });
  const seedless = parts[0]!;
  const oldParts = parts.filter(({ end }) => end <= from).sort((a, b) => a.start - b.start);
  const newRoot = parts
    .slice(1)
    .reduce((whole, part) => (part.start >= whole.end ? joined(whole, part) : joined(part, whole)), seedless).hash;
  return foldHashes(oldParts.map(({ hash }) => hash)).equals(fromRoot) && Buffer.from(newRoot).equals(toRoot);
};

const joined = (left: Range & { hash: Uint8Array }, right: Range & { hash: Uint8Array }) => ({
  start: left.start,
  end: right.end,
  hash: nodeHash(left.hash, right.hash),
});

export interface Subtree extends Address {
  hash: Buffer;
}

/** The right edge of a growing tree: all that is needed to add leaves and to know the root. At most one hash a level. */
export class TreeEdge {
  private readonly subtrees: Subtree[];
  size = 0;

  /** @param before hashes of `subtreesOf` what comes before the first leaf that is added */
  constructor(size = 0, before: Buffer[] = []) {
    const addresses = subtreesOf({ start: 0, end: size });
    if (addresses.length !== before.length) throw new RangeError(`${size} leaves are ${addresses.length} subtrees, not ${before.length}`);
    this.subtrees = before.map((hash, at) => ({ ...addresses[at]!, hash }));
    this.size = size;
  }

  /** @param keep is given the leaf and each complete subtree that it finishes, lowest first */
  add(leaf: Buffer, keep?: (added: Subtree) => void): void {
    let added: Subtree = { level: 0, position: this.size, hash: leaf };
    keep?.(added);
    for (let left = this.subtrees.at(-1); left?.level === added.level; left = this.subtrees.at(-1)) {
      added = { level: left.level + 1, position: left.position / 2, hash: nodeHash(left.hash, added.hash) };
      keep?.(added);
      this.subtrees.pop();
    }
    this.subtrees.push(added);
    this.size++;
  }

  root(): Buffer {
    return foldHashes(this.subtrees.map(({ hash }) => hash));
  }
}

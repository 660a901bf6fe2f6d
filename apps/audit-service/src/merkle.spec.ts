import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import {
  EMPTY_ROOT,
  TreeEdge,
  consistencyRanges,
  foldHashes,
  inclusionRanges,
  isConsistent,
  keyOf,
  leafHash,
  rootByInclusion,
  subtreesOf,
  type Range,
  type Subtree,
} from './merkle';

/** The definition of section 2.1 of RFC 6962, word for word, and nothing else. */
const MTH = (leaves: Buffer[]): Buffer => {
  const sha = (...parts: Buffer[]) => createHash('sha256').update(Buffer.concat(parts)).digest();
  if (leaves.length === 0) return sha();
  if (leaves.length === 1) return sha(Buffer.of(0), leaves[0]!);
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return sha(Buffer.of(1), MTH(leaves.slice(0, k)), MTH(leaves.slice(k)));
};

const data = (count: number): Buffer[] => [...Array(count)].map((_, at) => Buffer.from(`entry ${at}`));
const hashesOf = (leaves: Buffer[], ranges: Range[]): Buffer[] => ranges.map(({ start, end }) => MTH(leaves.slice(start, end)));
const sizes = fc.integer({ min: 1, max: 200 });

/** test/merkle of certificate-transparency: the leaves that its reference trees are made of, and two of their roots. */
const REFERENCE = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map((hex) =>
  Buffer.from(hex, 'hex'),
);

it.each([
  [1, '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d'],
  [8, '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328'],
])('has the root of the reference tree of %i leaves', (size, root) => {
  const edge = new TreeEdge();
  for (const leaf of REFERENCE.slice(0, size)) edge.add(leafHash(leaf));

  expect(edge.root().toString('hex')).toBe(root);
});

it('has the root of the definition at each size, by its edge and by its complete subtrees', () => {
  const edge = new TreeEdge();
  const leaves = data(130);
  expect(edge.root()).toEqual(EMPTY_ROOT);
  for (let size = 1; size <= leaves.length; size++) {
    edge.add(leafHash(leaves[size - 1]!));
    const complete = subtreesOf({ start: 0, end: size }).map(({ level, position }) =>
      MTH(leaves.slice(position * 2 ** level, (position + 1) * 2 ** level)),
    );
    expect(edge.root()).toEqual(MTH(leaves.slice(0, size)));
    expect(foldHashes(complete)).toEqual(edge.root());
    expect(new TreeEdge(size, complete).root()).toEqual(edge.root());
  }
});

it('finishes each complete subtree with its last leaf, once', () => {
  const [edge, leaves] = [new TreeEdge(), data(64)];
  const added: Subtree[] = [];
  for (const leaf of leaves) edge.add(leafHash(leaf), (subtree) => added.push(subtree));

  expect(added).toHaveLength(64 + 63);
  expect(new Set(added.map(keyOf)).size).toBe(64 + 63);
  for (const { level, position, hash } of added)
    expect(hash).toEqual(MTH(leaves.slice(position * 2 ** level, (position + 1) * 2 ** level)));
});

it('proves that each leaf is in the tree, and no other', () => {
  fc.assert(
    fc.property(sizes, fc.nat(), fc.nat(), (size, anyIndex, anyOther) => {
      const [index, other] = [anyIndex % size, anyOther % size];
      const leaves = data(size);
      const proof = hashesOf(leaves, inclusionRanges(index, size));
      const root = MTH(leaves);

      expect(rootByInclusion(leafHash(leaves[index]!), index, size, proof)).toEqual(root);
      if (other !== index) expect(rootByInclusion(leafHash(leaves[other]!), index, size, proof)).not.toEqual(root);
      expect(rootByInclusion(leafHash(leaves[index]!), index, size, [...proof, root])).toBeNull();
    }),
  );
});

it('proves that one tree is the beginning of another, and that a changed one is not', () => {
  fc.assert(
    fc.property(sizes, sizes, fc.nat(), (a, b, anyIndex) => {
      const [from, to] = a < b ? [a, b] : [b, a];
      const leaves = data(to);
      const changed = leaves.map((leaf, at) => (at === anyIndex % from ? Buffer.from('changed') : leaf));
      const proof = hashesOf(leaves, consistencyRanges(from, to));
      const old = MTH(leaves.slice(0, from));

      expect(isConsistent(from, to, old, MTH(leaves), proof)).toBe(true);
      expect(isConsistent(from, to, MTH(changed.slice(0, from)), MTH(leaves), proof)).toBe(false);
      expect(isConsistent(from, to, old, MTH(changed), hashesOf(changed, consistencyRanges(from, to)))).toBe(false);
      expect(isConsistent(from, to, old, MTH(leaves), [...proof, old])).toBe(false);
    }),
  );
});

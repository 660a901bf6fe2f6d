import { leafText, type LeafEntry } from './entry-leaf';

/**
 * The form of an export file (docs/audit.md): one JSON text a line, hashes in base64. The first says what is exported; then entries in
 * the order of their places, and signed heads behind the last entry that each covers.
 */
export interface Header {
  origin: string;
  /** Of the tree that is exported. */
  size: number;
  /** Empty for the whole trail. */
  filters: Record<string, unknown>;
  /** The whole trail only: what was dropped from its beginning, as hashes of complete subtrees. */
  before: { size: number; subtrees: Buffer[] } | null;
}

export interface EntryProof {
  /** As it is stored; that the entry has this hash is for the reader to find out. */
  leaf: Buffer;
  /** Of a part of the trail: from the leaf to the root of the exported tree. */
  proof?: Buffer[];
}

const base64 = (hash: Buffer): string => hash.toString('base64');

export const headerLine = ({ origin, size, filters, before }: Header): string =>
  JSON.stringify({
    export: { version: 1, origin, size, filters, before: before && { size: before.size, subtrees: before.subtrees.map(base64) } },
  });

export const checkpointLine = (note: string): string => JSON.stringify({ checkpoint: note });

/** The entry stands in its canonical form, so that the bytes that were hashed are the bytes of the line. */
export const entryLine = (entry: LeafEntry, { leaf, proof }: EntryProof): string =>
  `{"entry":${leafText(entry)},"leaf":"${base64(leaf)}"${proof ? `,"proof":${JSON.stringify(proof.map(base64))}` : ''}}`;

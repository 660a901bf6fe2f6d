import { createReadStream, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { readNotes } from './checkpoint-file';
import { openCheckpoint, readVerifierKey, type Checkpoint, type Verifier } from './checkpoint-note';
import { ExportVerifier, type Verdict } from './verify-export';

export interface ExportFiles {
  export: string;
  /** A verifier key, one line. */
  key: string;
  /** Heads that were collected elsewhere. */
  checkpoints?: string;
}

export interface FileVerdict extends Verdict {
  /** Heads in the collected file that this key has not signed, as one that a power cut tore: they prove nothing, either way. */
  unsigned: number;
}

/**
 * Verifies an export file with no service and no database at hand.
 * @throws Error for a key that is none, or a file of collected heads in which the key has signed nothing
 */
export const verifyFile = async (files: ExportFiles): Promise<FileVerdict> => {
  const verifier = readVerifierKey(readFileSync(files.key, 'utf8'));
  const { heads, unsigned } = collectedHeads(files.checkpoints, verifier);
  const verifying = new ExportVerifier(verifier, heads);
  const lines = createInterface({ input: createReadStream(files.export), crlfDelay: Infinity });
  for await (const line of lines) if (!verifying.read(line)) break;
  lines.close();
  return { ...verifying.end(), unsigned };
};

/** @throws Error for a file in which the key has signed nothing */
export const collectedHeads = (path: string | undefined, verifier: Verifier): { heads: Checkpoint[]; unsigned: number } => {
  if (path === undefined) return { heads: [], unsigned: 0 };
  const notes = readNotes(readFileSync(path, 'utf8'));
  const heads = notes.map((note) => openCheckpoint(note, verifier)).filter((head) => head !== null);
  if (heads.length === 0) throw new Error(`${path} has no head that is signed by this key`);
  return { heads, unsigned: notes.length - heads.length };
};

import { createReadStream, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { readNotes } from './checkpoint-file';
import { openCheckpoint, readVerifierKey, type Checkpoint } from './checkpoint-note';
import { ExportVerifier, type Verdict } from './verify-export';

export interface ExportFiles {
  export: string;
  /** A verifier key, one line. */
  key: string;
  /** Heads that were collected elsewhere. */
  checkpoints?: string;
}

/**
 * Verifies an export file with no service and no database at hand.
 * @throws Error for a key that is none, or collected heads that the key has not signed
 */
export const verifyFile = async (files: ExportFiles): Promise<Verdict> => {
  const verifier = readVerifierKey(readFileSync(files.key, 'utf8'));
  const outside: Checkpoint[] = files.checkpoints
    ? readNotes(readFileSync(files.checkpoints, 'utf8')).map((note) => {
        const head = openCheckpoint(note, verifier);
        if (!head) throw new Error(`a head in ${files.checkpoints} is not signed by this key`);
        return head;
      })
    : [];
  const verifying = new ExportVerifier(verifier, outside);
  const lines = createInterface({ input: createReadStream(files.export), crlfDelay: Infinity });
  for await (const line of lines) if (!verifying.read(line)) break;
  lines.close();
  return verifying.end();
};

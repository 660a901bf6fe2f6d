import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** A blank line ends a note; none has one in it but the one before its signatures. */
const NOTE = /^.+\n\d+\n.+\n\n(?:— .+\n)+/gm;

/** The notes in a file of checkpoints, oldest first: one that a crash left half written at its end is no note. */
export const readNotes = (text: string): string[] => text.match(NOTE) ?? [];

/** Signed heads outside the database, for a second host to collect. It only grows. */
export class CheckpointFile {
  constructor(private readonly path: string) {}

  notes(): string[] {
    try {
      return readNotes(readFileSync(this.path, 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  /** On disk when it returns: the folder too, in which the file may be new. */
  append(note: string): void {
    const file = openSync(this.path, 'a', 0o640);
    try {
      writeSync(file, `${note}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    const folder = openSync(dirname(this.path), 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  }
}

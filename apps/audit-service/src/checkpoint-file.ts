import { closeSync, existsSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** A blank line ends a note; none has one in it but the one before its signatures. */
const NOTE = /^.+\n\d+\n.+\n\n(?:— .+\n)+/gm;

/** The notes in a file of checkpoints, oldest first: one that a crash left half written at its end is no note. */
export const readNotes = (text: string): string[] => text.match(NOTE) ?? [];

/** Of the file's end; a note has some 250 bytes. The file grows for years and is looked at every second. */
const TAIL_BYTES = 16_384;

/** Signed heads outside the database, for a second host to collect. It only grows. */
export class CheckpointFile {
  constructor(private readonly path: string) {}

  /** The last ones, oldest first. */
  newest(): string[] {
    if (!existsSync(this.path)) return [];
    const file = openSync(this.path, 'r');
    try {
      return readNotes(tailOf(file));
    } finally {
      closeSync(file);
    }
  }

  /** On disk when it returns: the folder too, in which the file may be new. What a power cut tore is ended first, so that it stays apart. */
  append(note: string): void {
    const file = openSync(this.path, 'a+', 0o640);
    try {
      const end = tailOf(file);
      writeSync(file, `${end === '' || end.endsWith('\n\n') ? '' : '\n\n'}${note}\n`);
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

const tailOf = (file: number): string => {
  const { size } = fstatSync(file);
  const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
  readSync(file, tail, 0, tail.length, size - tail.length);
  return tail.toString('utf8');
};

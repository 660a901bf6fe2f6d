import { openCheckpoint, type Checkpoint, type Verifier } from './checkpoint-note';
import type { LeafEntry } from './entry-leaf';
import { TreeEdge, leafHash, rootByInclusion } from './merkle';

/** The first thing that is wrong with an export. */
export interface Fault {
  /** In the file, from 1. */
  line: number;
  /** The entry, or the first of those among which it is; null where it is about none. */
  seq: number | null;
  what: string;
}

export interface Verdict {
  fault: Fault | null;
  entries: number;
  /** Of the newest signed head that was found good: up to here nothing was changed. */
  provenTo: number;
  heads: number;
  /** Heads from elsewhere that are older than what was dropped, so that they could not be looked at. */
  unseen: number;
}

/** What `audit.drop` leaves in the trail: the entries up to this place are gone, and were meant to be. */
export const DROP_ACTION = 'audit.drop';

class Bad extends Error {
  constructor(
    readonly seq: number | null,
    what: string,
  ) {
    super(what);
  }
}

interface ReadHeader {
  size: number;
  isPart: boolean;
  before: number;
}

interface EntryLine {
  entry: LeafEntry;
  leaf: string;
  proof?: string[];
}

const PREFIX = '{"entry":';

/**
 * Verifies an export line by line, with nothing at hand but the log's public key and, against truncation, heads that were kept
 * elsewhere. Memory does not grow with the export.
 */
export class ExportVerifier {
  private header?: ReadHeader;
  private edge = new TreeEdge();
  private at = 0;
  private entries = 0;
  private heads = 0;
  private provenTo = 0;
  private lastSeq = 0;
  private saysDropped = false;
  private fault: Fault | null = null;
  private readonly outside: Map<number, Checkpoint>;
  private readonly largest: number;
  /** Of a part: the roots that its proofs lead to, each with the first entry that has it. All must be the signed one. */
  private readonly roots = new Map<string, { line: number; seq: number }>();
  private signedRoot?: string;

  constructor(
    private readonly verifier: Verifier,
    outside: Checkpoint[] = [],
  ) {
    this.outside = new Map(outside.map((head) => [head.size, head]));
    this.largest = Math.max(0, ...this.outside.keys());
  }

  /** @returns false once something is wrong: what follows would only repeat it */
  read(line: string): boolean {
    this.at++;
    if (this.fault) return false;
    try {
      if (!this.header) this.readHeader(line);
      else if (line.startsWith(PREFIX)) this.readEntry(line, this.header);
      else this.readHead(line, this.header);
    } catch (error) {
      const bad = error instanceof Bad ? error : new Bad(this.lastSeq + 1, 'is no line of an export');
      this.fault = { line: this.at, seq: bad.seq, what: bad.message };
    }
    return this.fault === null;
  }

  end(): Verdict {
    if (!this.fault) {
      try {
        this.mustBeWhole();
      } catch (error) {
        if (!(error instanceof Bad)) throw error;
        this.fault = { line: this.at, seq: error.seq, what: error.message };
      }
    }
    const { fault, entries, provenTo, heads } = this;
    const unseen = [...this.outside.keys()].filter((size) => size < (this.header?.before ?? 0)).length;
    return { fault, entries, provenTo, heads, unseen };
  }

  private readHeader(line: string): void {
    const { export: said } = JSON.parse(line) as {
      export?: { version: number; origin: string; size: number; before: { size: number; subtrees: string[] } | null };
    };
    if (said?.version !== 1 || !Number.isSafeInteger(said.size)) throw new Bad(null, 'is not the first line of an export');
    if (said.origin !== this.verifier.origin) throw new Bad(null, 'is of another trail than the key');
    this.header = { size: said.size, isPart: said.before === null, before: said.before?.size ?? 0 };
    if (!said.before) return;
    this.edge = new TreeEdge(
      said.before.size,
      said.before.subtrees.map((hash) => Buffer.from(hash, 'base64')),
    );
    this.lastSeq = said.before.size;
    this.compareOutside();
  }

  private readEntry(line: string, { isPart, before, size }: ReadHeader): void {
    const { entry, leaf, proof } = JSON.parse(line) as EntryLine;
    const { seq } = entry;
    if (!Number.isSafeInteger(seq) || seq > size || (isPart ? seq <= this.lastSeq : seq !== this.lastSeq + 1))
      throw new Bad(this.lastSeq + 1, `entry ${this.lastSeq + 1} is missing or out of its place: ${String(seq)} stands there`);
    const tail = `,"leaf":"${leaf}"${proof ? `,"proof":${JSON.stringify(proof)}` : ''}}`;
    if (!line.endsWith(tail)) throw new Bad(seq, 'is not written as an export is');
    const hash = leafHash(Buffer.from(line.slice(PREFIX.length, -tail.length)));
    if (hash.toString('base64') !== leaf) throw new Bad(seq, `entry ${seq} is not the one that was recorded`);
    if (entry.action === DROP_ACTION && (entry.after as { up_to?: unknown } | null)?.up_to === before) this.saysDropped = true;
    this.lastSeq = seq;
    this.entries++;
    if (isPart) return this.keepRoot(hash, seq, size, proof ?? []);
    this.edge.add(hash);
    this.compareOutside();
  }

  private keepRoot(leaf: Buffer, seq: number, size: number, proof: string[]): void {
    const root = rootByInclusion(
      leaf,
      seq - 1,
      size,
      proof.map((hash) => Buffer.from(hash, 'base64')),
    )?.toString('base64');
    if (root === undefined) throw new Bad(seq, `the proof of entry ${seq} is none for a tree of ${size} entries`);
    if (!this.roots.has(root)) this.roots.set(root, { line: this.at, seq });
  }

  private readHead(line: string, { isPart, size }: ReadHeader): void {
    const { checkpoint } = JSON.parse(line) as { checkpoint?: unknown };
    const head = typeof checkpoint === 'string' ? openCheckpoint(checkpoint, this.verifier) : null;
    if (!head) throw new Bad(null, 'is no head that the key has signed');
    if (head.size !== (isPart ? size : this.edge.size)) throw new Bad(null, `is the head of ${head.size} entries, and stands elsewhere`);
    if (isPart) this.signedRoot = head.root.toString('base64');
    else this.compare(head, 'signed');
    this.heads++;
    this.provenTo = head.size;
  }

  /** Heads that somebody kept elsewhere, as soon as as many entries are read. */
  private compareOutside(): void {
    const head = this.outside.get(this.edge.size);
    if (head) this.compare(head, 'kept elsewhere');
  }

  private compare(head: Checkpoint, which: string): void {
    if (!head.root.equals(this.edge.root()))
      throw new Bad(this.provenTo + 1, `an entry from ${this.provenTo + 1} to ${head.size} is not the one of the head that was ${which}`);
  }

  private mustBeWhole(): void {
    if (!this.header) throw new Bad(null, 'the file is empty');
    const { isPart, size, before } = this.header;
    if (!isPart && this.lastSeq !== size)
      throw new Bad(this.lastSeq + 1, `the export ends before entry ${this.lastSeq + 1}; it says that it has ${size}`);
    if (isPart ? this.signedRoot === undefined : this.provenTo !== size)
      throw new Bad(this.provenTo + 1, `no signed head covers the entries from ${this.provenTo + 1}`);
    if (this.largest > size) throw new Bad(size + 1, `entries up to ${this.largest} were signed, and those from ${size + 1} are not here`);
    if (before > 0 && !this.saysDropped)
      throw new Bad(before, `the entries up to ${before} are missing, and none says that they were dropped`);
    const [wrong] = [...this.roots].filter(([root]) => root !== this.signedRoot).map(([, first]) => first);
    if (wrong) throw new Bad(wrong.seq, `entry ${wrong.seq} is not in the tree that was signed`);
  }
}

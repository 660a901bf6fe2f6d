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
  /** Entries that a filter left out are not there, and that they are all that it leaves out is not proved. */
  isPart: boolean;
  /** Of the newest signed head that was found good: up to here nothing was changed. */
  provenTo: number;
  /** Root of that head; it is the same in every copy of the trail. */
  root: Buffer | null;
  heads: number;
  /** Entries before the first one here, which an entry says were dropped. */
  dropped: number;
  /** Heads from elsewhere that are older than what was dropped, or than the one head of a part, so that they could not be looked at. */
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
  private root: Buffer | null = null;
  private lastSeq = 0;
  private saysDropped = false;
  private fault: Fault | null = null;
  private readonly outside = new Map<number, Checkpoint>();
  /** Of a part: the roots that its proofs lead to, each with the first entry that has it. All must be the signed one. */
  private readonly roots = new Map<string, { line: number; seq: number }>();
  /** Both were signed: whoever has the key shows different trails to different people. */
  private twoOfOneSize?: number;

  constructor(
    private readonly verifier: Verifier,
    outside: Checkpoint[] = [],
  ) {
    for (const head of outside) {
      const other = this.outside.get(head.size);
      if (other && !other.root.equals(head.root)) this.twoOfOneSize ??= head.size;
      this.outside.set(head.size, head);
    }
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
    const { fault, entries, provenTo, root, heads } = this;
    const { isPart = false, before: dropped = 0, size = 0 } = this.header ?? {};
    const unseen = [...this.outside.keys()].filter((of) => (isPart ? of < size : of < dropped)).length;
    return { fault, entries, isPart, provenTo, root, heads, dropped, unseen };
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
    this.compareOutside(this.edge.size, this.edge.root());
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
    if (this.outside.has(this.edge.size)) this.compareOutside(this.edge.size, this.edge.root());
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
    if (isPart) this.compareOutside(size, head.root);
    else this.compare(head, this.edge.root(), 'signed');
    this.heads++;
    this.provenTo = head.size;
    this.root = head.root;
  }

  /** With a head that somebody kept elsewhere, if there is one of this size. */
  private compareOutside(size: number, root: Buffer): void {
    const head = this.outside.get(size);
    if (head) this.compare(head, root, 'kept elsewhere');
  }

  private compare(head: Checkpoint, root: Buffer, which: string): void {
    if (!head.root.equals(root))
      throw new Bad(this.provenTo + 1, `an entry from ${this.provenTo + 1} to ${head.size} is not the one of the head that was ${which}`);
  }

  private mustBeWhole(): void {
    if (!this.header) throw new Bad(null, 'the file is empty');
    const { isPart, size, before } = this.header;
    if (!isPart && this.lastSeq !== size)
      throw new Bad(this.lastSeq + 1, `the export ends before entry ${this.lastSeq + 1}; it says that it has ${size}`);
    if (this.provenTo !== size) throw new Bad(this.provenTo + 1, `no signed head covers the entries from ${this.provenTo + 1}`);
    const largest = Math.max(0, ...this.outside.keys());
    if (largest > size) throw new Bad(size + 1, `entries up to ${largest} were signed, and those from ${size + 1} are not here`);
    if (before > 0 && !this.saysDropped)
      throw new Bad(before, `the entries up to ${before} are missing, and none says that they were dropped`);
    if (this.twoOfOneSize !== undefined)
      throw new Bad(null, `two different trails of ${this.twoOfOneSize} entries were signed: the heads that were kept elsewhere show it`);
    const [wrong] = [...this.roots].filter(([root]) => root !== this.root?.toString('base64')).map(([, first]) => first);
    if (wrong) throw new Bad(wrong.seq, `entry ${wrong.seq} is not in the tree that was signed`);
  }
}

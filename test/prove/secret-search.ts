import { formsOf } from './secret-forms';

export interface Hit {
  /** Which secret, never the secret. */
  secret: string;
  form: string;
  place: string;
  /** From the beginning of the place, bytes. */
  at: number;
}

interface Pattern {
  secret: string;
  form: string;
  bytes: Buffer;
}

/** Shorter texts are found by chance. Bytes. */
const SHORTEST = 8;
const FILTER_BITS = 20;

const ZEROS = Buffer.alloc(2 ** 21);
const isZero = (bytes: Buffer): boolean => bytes.length <= ZEROS.length && bytes.equals(ZEROS.subarray(0, bytes.length));

/** Which bit of the filter belongs to four bytes: Knuth's multiplicative hash. */
const slot = (four: number): number => Math.imul(four, -1_640_531_535) >>> (32 - FILTER_BITS);

/**
 * Finds any of many secrets in streams of bytes, in every form. The first four bytes at a place decide, by a filter that fits
 * into the cache, whether it is looked at more closely: a gigabyte takes seconds, however many secrets there are.
 */
export class SecretSearch {
  private readonly byStart = new Map<number, Pattern[]>();
  private readonly filter = new Uint8Array(2 ** FILTER_BITS);
  private longest = 0;
  readonly forms = new Set<string>();
  readonly hits: Hit[] = [];
  /** By place. */
  readonly bytesSearched = new Map<string, number>();

  /** @param name what the secret is called in a report */
  add(name: string, secret: string): void {
    for (const { form, bytes } of formsOf(secret)) {
      if (bytes.length < SHORTEST) throw new Error(`${name} is too short to be told from chance as ${form}`);
      const four = bytes.readUInt32LE(0);
      this.byStart.set(four, [...(this.byStart.get(four) ?? []), { secret: name, form, bytes }]);
      this.filter[slot(four)] = 1;
      this.longest = Math.max(this.longest, bytes.length);
      this.forms.add(form);
    }
  }

  /** @param place what is searched, for the report @param source where in it, such as a file */
  async searchStream(place: string, source: string, stream: AsyncIterable<Buffer>): Promise<void> {
    let kept: Buffer = Buffer.alloc(0);
    let before = 0;
    for await (const chunk of stream) {
      const bytes = Buffer.concat([kept, chunk]);
      const end = Math.max(0, bytes.length - this.longest + 1);
      // A disk's file is mostly holes, and no form of a secret is made of zeros.
      if (!isZero(bytes)) this.searchStarts(place, source, bytes, 0, end, before);
      kept = bytes.subarray(end);
      before += end;
    }
    this.searchStarts(place, source, kept, 0, kept.length, before);
    this.bytesSearched.set(place, (this.bytesSearched.get(place) ?? 0) + before + kept.length);
  }

  searchText(place: string, source: string, text: string | Buffer): void {
    const bytes = Buffer.from(text as string);
    this.searchStarts(place, source, bytes, 0, bytes.length, 0);
    this.bytesSearched.set(place, (this.bytesSearched.get(place) ?? 0) + bytes.length);
  }

  /** Looks for what begins at `from` or later, and before `to`. */
  private searchStarts(place: string, source: string, bytes: Buffer, from: number, to: number, before: number): void {
    const { filter } = this;
    const last = Math.min(to, bytes.length - 3);
    if (last <= from) return;
    let four = (bytes[from]! << 8) | (bytes[from + 1]! << 16) | (bytes[from + 2]! << 24);
    for (let at = from; at < last; at++) {
      four = (four >>> 8) | (bytes[at + 3]! << 24);
      if (filter[slot(four)] === 0) continue;
      for (const { secret, form, bytes: pattern } of this.byStart.get(four >>> 0) ?? [])
        if (bytes.length - at >= pattern.length && pattern.compare(bytes, at, at + pattern.length) === 0)
          this.hits.push({ secret, form, place: `${place}: ${source}`, at: before + at });
    }
  }
}

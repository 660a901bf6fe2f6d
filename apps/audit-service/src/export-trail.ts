import type { EntityManager } from 'typeorm';
import { ExportAudit, Refused, type InputOf, type OutputOf } from '#contracts';
import { inDatabase } from '#database';
import type { RequestContext } from '#messaging';
import { entriesAfter, firstSeq, type Filters } from './audit.store';
import { leafText, type LeafEntry } from './entry-leaf';
import { checkpointLine, entryLine, headerLine, type EntryProof } from './export-lines';
import { inclusionRanges, subtreesOf } from './merkle';
import type { Parts } from './parts';
import { newestHead } from './prove-trail';
import { readTrail } from './read-trail';
import { headsBetween, rangeHashes, readNodes, treeSize } from './tree.store';

/** A page is one message: below NATS' usual limit of 1 MiB, with room for the JSON around it. */
const PAGE_BYTES = 400_000;
const PAGE_ENTRIES = 500;

export type ExportPage = OutputOf<typeof ExportAudit>;

/** One page of the lines of an export file. @throws Refused ENTRY_NOT_FOUND, NO_CHECKPOINT */
export const exportTrail = (parts: Parts, body: unknown, context: RequestContext): Promise<ExportPage> =>
  readTrail(parts, ExportAudit, body, context, (input) => inDatabase(parts.database, (tx) => exportPage(tx, parts.signer.origin, input)));

/**
 * The whole trail has its signed heads between the entries, and begins with the hashes of what was dropped before; of a part, each
 * entry brings its own proof.
 */
export const exportPage = async (tx: EntityManager, origin: string, input: InputOf<typeof ExportAudit>): Promise<ExportPage> => {
  const { after, size: asked, ...filters } = input;
  const size = asked ?? (await newestHead(tx)).size;
  if (size > (await treeSize(tx))) throw new Refused('ENTRY_NOT_FOUND');
  const isPart = Object.values(filters).some((value) => value !== undefined);
  const first = await firstSeq(tx);
  const dropped = Math.min(first - 1, size);
  const lines: string[] = [];
  if (after === 0)
    lines.push(
      headerLine({
        origin,
        size,
        filters,
        before: isPart ? null : { size: dropped, subtrees: await readNodes(tx, subtreesOf({ start: 0, end: dropped })) },
      }),
    );
  const { entries, next } = await pageOfEntries(tx, filters, after, size);
  const proofs = await proofsOf(tx, entries, isPart ? size : null);
  const end = next ?? size;
  const heads = isPart ? [] : await headsBetween(tx, Math.max(after, dropped), end, end - after);
  for (const [at, entry] of entries.entries()) {
    while (heads[0] && heads[0].size < entry.seq) lines.push(checkpointLine(heads.shift()!.note));
    lines.push(entryLine(entry, proofs[at]!));
  }
  lines.push(...heads.map(({ note }) => checkpointLine(note)));
  if (isPart && next === null) lines.push(...(await headsBetween(tx, size - 1, size, 1)).map(({ note }) => checkpointLine(note)));
  return { size, lines, next };
};

const pageOfEntries = async (tx: EntityManager, filters: Filters, after: number, size: number) => {
  const found = await entriesAfter(tx, filters, after, size, PAGE_ENTRIES);
  let bytes = 0;
  const fitting = found.filter((entry, at) => (bytes += leafText(entry).length * 2) <= PAGE_BYTES || at === 0);
  const isLast = fitting.length === found.length && found.length < PAGE_ENTRIES;
  return { entries: fitting, next: isLast ? null : fitting.at(-1)!.seq };
};

const proofsOf = async (tx: EntityManager, entries: LeafEntry[], size: number | null): Promise<EntryProof[]> => {
  const leaves = await readNodes(
    tx,
    entries.map(({ seq }) => ({ level: 0, position: seq - 1 })),
  );
  if (size === null) return leaves.map((leaf) => ({ leaf }));
  const proofs: EntryProof[] = [];
  for (const [at, { seq }] of entries.entries())
    proofs.push({ leaf: leaves[at]!, proof: await rangeHashes(tx, inclusionRanges(seq - 1, size)) });
  return proofs;
};

import { createReadStream, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { DataSource } from 'typeorm';
import { inDatabase, inTransaction } from '#database';
import { newId } from '#runtime';
import { appendEntries, entriesAfter } from './audit.store';
import { BadTrail, connectToTrail, exportLines, type TrailFacts } from './back-up-trail';
import { readVerifierKey, type Checkpoint, type Verifier } from './checkpoint-note';
import { leafOf } from './entry-leaf';
import { lastHead, readNodes } from './tree.store';
import { ExportVerifier } from './verify-export';
import { collectedHeads, verifyFile } from './verify-file';

/** What a restore leaves in the trail: entries that were recorded after the backup was made are gone. */
const RESTORE_ACTION = 'database.restored';
const AT_ONCE = 500;

export interface BackedUpTrail {
  /** The export in the backup; FILE.key is beside it. */
  file: string;
  facts: TrailFacts;
  madeAt: string;
  /** Heads that were collected elsewhere, a file. */
  collected?: string;
}

export interface RestoredTrail {
  entries: number;
  /** Collected heads that were compared. */
  compared: number;
  /** Collected heads of entries that the backup has not. */
  beyond: number;
}

/** The export of a backup by itself, before anything is restored from it. @throws BadTrail */
export const verifyBackedUp = async ({ file, facts }: BackedUpTrail): Promise<void> => {
  const { fault, provenTo } = await verifyFile({ export: file, key: `${file}.key` });
  if (fault) throw new BadTrail(`line ${fault.line} of the audit export: ${fault.what}`);
  if (provenTo !== facts.size) throw new BadTrail(`the audit export goes to entry ${provenTo}, and the manifest says ${facts.size}`);
};

/**
 * Holds the trail of a restored database against the export of its backup and every head that is at hand, and has the restore stand in
 * it. @param actor who restores @throws BadTrail naming the first entry that is wrong
 */
export const verifyRestored = async (url: string, trail: BackedUpTrail, actor: string): Promise<RestoredTrail> => {
  const verifier = readVerifierKey(readFileSync(`${trail.file}.key`, 'utf8'));
  const { heads: collected } = collectedHeads(trail.collected, verifier);
  const database = await connectToTrail(url, 'restore');
  try {
    await mustBeTheExport(database, trail, verifier);
    const found = await mustBeSigned(database, trail.facts, collected, verifier);
    const entries = await mustBeHashed(database, found.size);
    await recordRestore(database, trail, actor);
    return { entries, compared: found.compared, beyond: collected.length - found.compared };
  } finally {
    await database.destroy();
  }
};

/** Line by line the same, so that the first entry that is not can be named. */
const mustBeTheExport = async (database: DataSource, { file, facts }: BackedUpTrail, { origin }: Verifier): Promise<void> => {
  const said = createInterface({ input: createReadStream(file), crlfDelay: Infinity })[Symbol.asyncIterator]();
  let seq = 0;
  for await (const line of exportLines(database, origin, facts.size)) {
    const expected = (await said.next()).value as string | undefined;
    if (line.startsWith('{"entry":')) seq = (JSON.parse(line) as { entry: { seq: number } }).entry.seq;
    if (line !== expected) throw new BadTrail(`entry ${Math.max(seq, 1)} of the restored trail is not the one of the audit export`);
  }
  if (!(await said.next()).done) throw new BadTrail(`the restored trail ends at entry ${seq}, and the audit export goes on`);
};

/** As anybody verifies an export; heads of entries that are not in the backup say nothing about those that are. */
const mustBeSigned = async (
  database: DataSource,
  facts: TrailFacts,
  collected: Checkpoint[],
  verifier: Verifier,
): Promise<{ size: number; compared: number }> => {
  const head = await inDatabase(database, lastHead);
  if (!head || head.size < facts.size) throw new BadTrail('the restored database lacks the signed head of its own backup');
  const known = collected.filter(({ size }) => size <= head.size);
  const outside = [...known, { origin: facts.origin, size: facts.size, root: Buffer.from(facts.root, 'base64') }];
  const verifying = new ExportVerifier(verifier, outside);
  for await (const line of exportLines(database, facts.origin, head.size)) if (!verifying.read(line)) break;
  const { fault } = verifying.end();
  if (fault) throw new BadTrail(`the restored trail is not good: ${fault.what}`);
  return { size: head.size, compared: known.length };
};

/** What came after the newest head: no signature covers it, but its hashes must be those in the tree. @returns the last place */
const mustBeHashed = async (database: DataSource, after: number): Promise<number> => {
  for (let at = after; ;) {
    const { entries, leaves } = await inDatabase(database, async (tx) => {
      const page = await entriesAfter(tx, {}, at, Number.MAX_SAFE_INTEGER, AT_ONCE);
      const addresses = page.map(({ seq }) => ({ level: 0, position: seq - 1 }));
      return { entries: page, leaves: await readNodes(tx, addresses) };
    });
    for (const [place, entry] of entries.entries()) {
      if (entry.seq !== at + 1) throw new BadTrail(`entry ${at + 1} of the restored trail is missing`);
      if (!leafOf(entry).equals(leaves[place]!))
        throw new BadTrail(`entry ${entry.seq} of the restored trail is not the one that was recorded`);
      at = entry.seq;
    }
    if (entries.length < AT_ONCE) return at;
  }
};

const recordRestore = (database: DataSource, { facts, madeAt }: BackedUpTrail, actor: string): Promise<unknown> =>
  inTransaction(database, (tx) =>
    appendEntries(tx, [
      {
        id: newId(),
        time: new Date().toISOString(),
        actor,
        source: 'system',
        action: RESTORE_ACTION,
        resource: { type: 'audit', id: null },
        outcome: 'allowed',
        code: null,
        request_id: 'none',
        before: null,
        after: { backup_made_at: madeAt, backup_size: facts.size, backup_root: facts.root, export_sha256: facts.sha256 },
      },
    ]),
  );

import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import type { DataSource, EntityManager } from 'typeorm';
import { connectDatabase, inDatabase, inTransaction } from '#database';
import { createLog } from '#runtime';
import { AuditEntryRow } from './audit-entry.entity';
import { verifierKey } from './checkpoint-note';
import { SCHEMA } from './data-source';
import { exportPage } from './export-trail';
import { sha256Of } from './run-drop';
import { signIfDue } from './sign-checkpoint';
import { lastHead, type SignedHead } from './tree.store';
import { verifyFile } from './verify-file';

/** What a backup says of the trail that is in it. */
export interface TrailFacts {
  origin: string;
  /** Entries that the export covers, all of them under a signed head. */
  size: number;
  /** Of the tree of that size, base64. */
  root: string;
  /** Of the export file, hex. */
  sha256: string;
}

/** The trail is not good, or there is none. */
export class BadTrail extends Error {}

export const connectToTrail = (url: string, application: string): Promise<DataSource> =>
  connectDatabase({
    url: Object.assign(new URL(url), { pathname: '/spindle' }).toString(),
    schema: SCHEMA,
    poolSize: 2,
    entities: [AuditEntryRow],
    log: createLog(application, 'warn'),
    application,
  });

/**
 * Exports the whole trail beside a backup of its database, up to a head that is signed for it, and verifies what it wrote.
 * @param file of the export; FILE.key is the key to verify it with
 * @throws BadTrail, Inconsistent
 */
export const backUpTrail = async (url: string, signingKeyFile: string, file: string): Promise<TrailFacts> => {
  const privateKey = createPrivateKey(readFileSync(signingKeyFile));
  const database = await connectToTrail(url, 'backup');
  try {
    const { origin, head } = await inTransaction(database, (tx) => signNow(tx, privateKey));
    const out = createWriteStream(file, { mode: 0o600, flags: 'wx' });
    for await (const line of exportLines(database, origin, head.size)) if (!out.write(`${line}\n`)) await once(out, 'drain');
    out.end();
    await once(out, 'finish');
    writeFileSync(`${file}.key`, `${verifierKey(origin, createPublicKey(privateKey))}\n`, { mode: 0o600 });
    const { fault } = await verifyFile({ export: file, key: `${file}.key` });
    if (fault) throw new BadTrail(`the audit trail is not good: ${fault.what}`);
    return { origin, size: head.size, root: head.root.toString('base64'), sha256: await sha256Of(file) };
  } finally {
    await database.destroy();
  }
};

/** As audit-service does in its turn, so that nothing that is there now stays without a head. */
const signNow = async (tx: EntityManager, privateKey: KeyObject): Promise<{ origin: string; head: SignedHead }> => {
  const last = await lastHead(tx);
  if (!last) throw new BadTrail('audit-service has signed no head of its trail yet: nothing could be verified by it');
  const origin = last.note.slice(0, last.note.indexOf('\n'));
  const head = await signIfDue(tx, { origin, privateKey }, { entries: 1, seconds: 1 }, []);
  return { origin, head: head ?? last };
};

/** The lines of an export of the whole trail up to a signed head. */
export async function* exportLines(database: DataSource, origin: string, size: number): AsyncGenerator<string> {
  for (let after: number | null = 0; after !== null;) {
    const from: number = after;
    const page = await inDatabase(database, (tx) => exportPage(tx, origin, { size, after: from }));
    yield* page.lines;
    after = page.next;
  }
}

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { connectDatabase, inTransaction } from '#database';
import { createLog } from '#runtime';
import { AuditEntryRow } from './audit-entry.entity';
import { SCHEMA } from './data-source';
import { dropEntries, NotDropped, startOfMonth } from './drop-entries';
import { verifyFile, type ExportFiles } from './verify-file';

/** A large trail takes its time; nobody else may write meanwhile. */
const DROP_TIMEOUT = '10min';

/**
 * What `npm run audit -- drop` does: looks that the export is good, then drops what it covers.
 * @param ownerUrl of the role that owns the trail
 * @throws NotDropped
 */
export const runDrop = async (ownerUrl: string, before: string, files: ExportFiles, actor: string, now = new Date()): Promise<number> => {
  startOfMonth(before, now);
  const { fault, isPart, provenTo, root } = await verifyFile(files);
  if (fault) throw new NotDropped(`the export is not good, line ${fault.line}: ${fault.what}`);
  if (isPart || !root) throw new NotDropped('the export has a part of the trail only: what a filter left out would be nowhere');
  const sha256 = await sha256Of(files.export);
  const log = createLog('audit drop', 'warn');
  const database = await connectDatabase({
    url: ownerUrl,
    schema: SCHEMA,
    poolSize: 2,
    entities: [AuditEntryRow],
    log,
    application: 'audit drop',
  });
  try {
    return await inTransaction(database, async (tx) => {
      await tx.query(`SET LOCAL statement_timeout = '${DROP_TIMEOUT}'`);
      return dropEntries(tx, { before, exported: { size: provenTo, root, sha256 }, actor }, now);
    });
  } finally {
    await database.destroy();
  }
};

/** Of a file, hex. */
export const sha256Of = async (file: string): Promise<string> => {
  const hash = createHash('sha256');
  for await (const part of createReadStream(file)) hash.update(part as Buffer);
  return hash.digest('hex');
};

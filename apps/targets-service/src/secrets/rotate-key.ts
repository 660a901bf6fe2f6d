import { inTransaction, connectDatabase } from '#database';
import { createLog } from '#runtime';
import { ENTITIES, SCHEMA } from '../data-source';
import { ChapSecrets } from './chap-secrets';
import { rewrap } from './envelope';
import { rewrapSecret, secretsNotUnder } from './secret.store';

const PAGE = 200;

/**
 * What `npm run secrets -- rotate-key` does: wraps every data key with the first key of the file. Services read the file at each use, so
 * they go on meanwhile; the old keys may be taken out of the file afterwards.
 * @returns how many were wrapped anew
 */
export const rotateKey = async (databaseUrl: string, keyFile: string): Promise<number> => {
  const ring = new ChapSecrets(keyFile).ring();
  const log = createLog('rotate-key', 'warn');
  const database = await connectDatabase({
    url: databaseUrl,
    schema: SCHEMA,
    poolSize: 1,
    entities: ENTITIES,
    log,
    application: 'rotate-key',
  });
  try {
    for (let count = 0; ;) {
      const done = await inTransaction(database, async (tx) => {
        const rows = await secretsNotUnder(tx, ring[0]!.id, PAGE);
        for (const row of rows) await rewrapSecret(tx, { ...row, ...rewrap(ring, row, `${row.targetId}/${row.field}/${row.version}`) });
        return rows.length;
      });
      count += done;
      if (done < PAGE) return count;
    }
  } finally {
    await database.destroy();
  }
};

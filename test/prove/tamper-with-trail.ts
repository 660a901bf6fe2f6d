import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { DataSource, type EntityManager } from 'typeorm';
import { AnonymousRefusals, createLog, newId } from '#runtime';
import type { AuditIntent, ExportAudit, InputOf } from '#contracts';
import { AuditEntryRow } from '../../apps/audit-service/src/audit-entry.entity';
import { leafEntry } from '../../apps/audit-service/src/audit.store';
import type { Checkpoint, Signer } from '../../apps/audit-service/src/checkpoint-note';
import { Settings } from '../../apps/audit-service/src/config';
import { connectTrail } from '../../apps/audit-service/src/data-source';
import { leafOf } from '../../apps/audit-service/src/entry-leaf';
import { exportPage } from '../../apps/audit-service/src/export-trail';
import { Parts } from '../../apps/audit-service/src/parts';
import { recordEntries } from '../../apps/audit-service/src/record-entries';
import { signIfDue } from '../../apps/audit-service/src/sign-checkpoint';
import { addLeaves, headsBetween } from '../../apps/audit-service/src/tree.store';
import { ExportVerifier, type Fault } from '../../apps/audit-service/src/verify-export';
import { Prng } from '../chaos/prng';
import { unasked } from '../harness/audit-trail';
import { startDatabaseServer } from '../harness/database-server';

export interface Tampering {
  kind: string;
  /** In words, with the place. */
  what: string;
  found: boolean;
  /** The verdict names the very entry. */
  named: boolean;
}

const ENTRIES = 300;
const HEAD_EVERY = 50;
const SEED = 20_260_101;
/** Out of the way of every place while places change: they are unique, and above 0. */
const FAR = 1_000_000_000;

const TRIGGERS_OFF = ['entries', 'nodes', 'checkpoints'].map((table) => `ALTER TABLE audit.${table} DISABLE TRIGGER ALL`).join('; ');

/** A trail made by the service's own code, then changed again and again, each time from the same state. */
export const tamperWithTrail = async (count: number, say: (line: string) => void): Promise<Tampering[]> => {
  const server = await startDatabaseServer({ durable: false });
  const log = createLog('prove', 'silent');
  const signer: Signer = { origin: 'spindle.invalid/prove', privateKey: generateKeyPairSync('ed25519').privateKey };
  try {
    const urls = await server.provision('spindle');
    const settings = Settings.parse({
      DATABASE_URL: urls.audit_app,
      MIGRATION_DATABASE_URL: urls.audit_owner,
      AUTH_PUBLIC_KEY_FILE: '-',
      AUDIT_SIGNING_KEY_FILE: '-',
    });
    const database = await connectTrail(settings, log);
    await makeTrail(new Parts(database, unasked, signer, new AnonymousRefusals(1), log));
    await database.destroy();
    const superuser = new DataSource({ type: 'postgres', url: server.superuserUrl('spindle'), schema: 'audit', entities: [AuditEntryRow] });
    await superuser.initialize();
    try {
      return await tamperMany(superuser, signer, count, say);
    } finally {
      await superuser.destroy();
    }
  } finally {
    await server.stop();
  }
};

const makeTrail = async (parts: Parts): Promise<void> => {
  for (let at = 1; at <= ENTRIES; at++) {
    await recordEntries(parts, intentOf(at));
    if (at % HEAD_EVERY === 0) await parts.database.transaction((tx) => signIfDue(tx, parts.signer, { entries: 1, seconds: 1 }, []));
  }
};

const intentOf = (at: number): AuditIntent => ({
  id: newId(),
  time: new Date().toISOString(),
  actor: `user-${at % 7}`,
  source: 'http:192.0.2.1',
  action: ['targets.create', 'target.created', 'targets.delete', 'users.update'][at % 4]!,
  resource: { type: 'target', id: newId() },
  outcome: at % 9 === 0 ? 'denied' : 'allowed',
  code: at % 9 === 0 ? 'FORBIDDEN' : null,
  request_id: `r-${at}`,
  before: at % 3 === 0 ? { status: 'PENDING' } : null,
  after: { status: 'ACTIVE', number: at, machine_id: newId() },
});

const tamperMany = async (superuser: DataSource, signer: Signer, count: number, say: (line: string) => void): Promise<Tampering[]> => {
  const heads = (await headsBetween(superuser.manager, 0, ENTRIES, 1_000)).map(({ size, root }): Checkpoint => ({
    origin: signer.origin,
    size,
    root,
  }));
  const untouched = await firstFault(superuser.manager, signer, heads);
  if (untouched) throw new Error(`the trail is not good before anything was changed: ${untouched.what}`);
  const prng = new Prng(SEED);
  say(`seed ${SEED}, ${ENTRIES} entries, a signed head each ${HEAD_EVERY}`);
  const made: Tampering[] = [];
  while (made.length < count) {
    const kind = KINDS[made.length % KINDS.length]!;
    made.push(await tamperOnce(superuser, signer, heads, kind, Math.floor(made.length / KINDS.length), prng));
  }
  return made;
};

const tamperOnce = async (
  superuser: DataSource,
  signer: Signer,
  heads: Checkpoint[],
  { name, change }: Kind,
  nth: number,
  prng: Prng,
): Promise<Tampering> => {
  const anew = nth % 2 === 1;
  const runner = superuser.createQueryRunner();
  await runner.startTransaction();
  try {
    await runner.query(TRIGGERS_OFF);
    const { seq, what } = await change(runner.manager, prng, nth);
    if (anew) await hashAnew(runner.manager);
    const fault = await firstFault(runner.manager, signer, heads);
    return {
      kind: anew ? `${name}, hashes too` : name,
      what: `${what} (${anew ? 'hashes too' : 'alone'})`,
      found: fault !== null,
      named: fault?.seq === seq,
    };
  } finally {
    await runner.rollbackTransaction();
    await runner.release();
  }
};

/** As somebody would who knows the product, but has not its key. */
const hashAnew = async (tx: EntityManager): Promise<void> => {
  await tx.query('DELETE FROM audit.nodes');
  const rows = await tx.find(AuditEntryRow, { order: { seq: 'ASC' } });
  await addLeaves(
    tx,
    1,
    rows.map((row, at) => leafOf(leafEntry({ ...row, seq: at + 1 }))),
  );
  await tx.query(
    `UPDATE audit.entries e SET seq = n.place + ${FAR} FROM (SELECT seq, row_number() OVER (ORDER BY seq) AS place FROM audit.entries) n WHERE n.seq = e.seq`,
  );
  await tx.query(`UPDATE audit.entries SET seq = seq - ${FAR}`);
  await tx.query('DELETE FROM audit.checkpoints WHERE size > $1', [rows.length]);
};

/** What an auditor does: exports what there is, and verifies it with the heads collected before. */
const firstFault = async (tx: EntityManager, signer: Signer, heads: Checkpoint[]): Promise<Fault | null> => {
  const verifying = new ExportVerifier({ origin: signer.origin, publicKey: createPublicKey(signer.privateKey) }, heads);
  const input: InputOf<typeof ExportAudit> = { after: 0 };
  try {
    for (let after: number | null = 0; after !== null;) {
      const page = await exportPage(tx, signer.origin, { ...input, after });
      for (const line of page.lines) verifying.read(line);
      after = page.next;
    }
  } catch (error) {
    // the export itself finds that hashes or heads are missing
    return { line: 0, seq: null, what: error instanceof Error ? error.message : String(error) };
  }
  return verifying.end().fault;
};

interface Kind {
  name: string;
  change: (tx: EntityManager, prng: Prng, nth: number) => Promise<{ seq: number | null; what: string }>;
}

const anyPlace = (prng: Prng, from = 1): number => prng.int(from, ENTRIES);

/** Each column, in the way of somebody who wants it to look right. They are made in turn: a column that is not hashed is found out. */
const EDITS = [
  `actor = actor || 'x'`,
  `time = time + interval '1 hour'`,
  `recorded_at = recorded_at - interval '1 millisecond'`,
  `source = 'nats'`,
  `action = action || '.'`,
  `resource_type = 'machine'`,
  `resource_id = gen_random_uuid()::text`,
  `target_id = gen_random_uuid()`,
  `machine_id = NULL`,
  `outcome = CASE outcome WHEN 'denied' THEN 'allowed' ELSE 'denied' END`,
  `code = CASE WHEN code IS NULL THEN 'FORBIDDEN' END`,
  `request_id = request_id || '0'`,
  `before = '{"status":"ERROR"}'`,
  `after = jsonb_set(after, '{number}', '0.5')`,
  `id = gen_random_uuid()`,
];

const KINDS: Kind[] = [
  {
    name: 'edit',
    change: async (tx, prng, nth) => {
      const [seq, edit] = [anyPlace(prng), EDITS[nth % EDITS.length]!];
      await tx.query(`UPDATE audit.entries SET ${edit} WHERE seq = $1`, [seq]);
      return { seq, what: `entry ${seq}: ${edit}` };
    },
  },
  {
    name: 'deletion',
    change: async (tx, prng) => {
      const seq = anyPlace(prng);
      await tx.query('DELETE FROM audit.entries WHERE seq = $1', [seq]);
      return { seq, what: `entry ${seq} deleted` };
    },
  },
  {
    name: 'insertion',
    change: async (tx, prng) => {
      const seq = anyPlace(prng);
      await tx.query(`UPDATE audit.entries SET seq = seq + ${FAR} WHERE seq >= $1`, [seq]);
      await tx.query(`UPDATE audit.entries SET seq = seq - ${FAR - 1} WHERE seq > ${FAR}`);
      await tx.query(
        `INSERT INTO audit.entries (seq, id, time, recorded_at, actor, source, action, resource_type, outcome, request_id)
         VALUES ($1, gen_random_uuid(), now(), now(), 'eve', 'nats', 'targets.create', 'target', 'allowed', 'r')`,
        [seq],
      );
      return { seq, what: `an entry put in at ${seq}` };
    },
  },
  {
    name: 'swap',
    change: async (tx, prng) => {
      const seq = anyPlace(prng) % (ENTRIES - 1) || 1;
      const other = prng.int(seq + 1, ENTRIES);
      await tx.query(
        `UPDATE audit.entries SET seq = CASE seq WHEN $1 THEN $2::bigint + ${FAR} ELSE $1::bigint + ${FAR} END WHERE seq IN ($1, $2)`,
        [seq, other],
      );
      await tx.query(`UPDATE audit.entries SET seq = seq - ${FAR} WHERE seq > ${FAR}`);
      return { seq, what: `entries ${seq} and ${other} swapped` };
    },
  },
  {
    name: 'truncation',
    change: async (tx, prng) => {
      const seq = anyPlace(prng, 2);
      await tx.query('DELETE FROM audit.entries WHERE seq >= $1', [seq]);
      return { seq, what: `everything from entry ${seq} deleted` };
    },
  },
];

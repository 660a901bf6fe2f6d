import { createPublicKey, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { createWriteStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifierKey, signCheckpoint } from '../../apps/audit-service/src/checkpoint-note';
import { leafOf, type LeafEntry } from '../../apps/audit-service/src/entry-leaf';
import { checkpointLine, entryLine, headerLine } from '../../apps/audit-service/src/export-lines';
import { TreeEdge } from '../../apps/audit-service/src/merkle';
import { verifyFile } from '../../apps/audit-service/src/verify-file';
import type { Finding, Profile, Proof } from './proof';
import { tamperWithTrail, type Tampering } from './tamper-with-trail';

const SIZES = { short: { tamperings: 75, records: 20_000 }, long: { tamperings: 1_000, records: 1_000_000 } };
const HEAD_EVERY = 1_000;
/** What the long profile promises for a million, on two cores. */
const LIMIT_SECONDS = 60;

export const proveAudit: Proof = {
  name: 'audit',
  title: 'Whoever changes the audit trail is found out',
  run: async (profile: Profile, say): Promise<Finding> => {
    const { tamperings, records } = SIZES[profile];
    const tampered = await tamperWithTrail(tamperings, say);
    const { seconds, good } = await verifyMany(records);
    const found = tampered.filter(({ found: detected }) => detected).length;
    const missed = tampered.filter(({ found: detected }) => !detected);
    return {
      holds: missed.length === 0 && good && seconds <= LIMIT_SECONDS,
      summary: `${found} of ${tampered.length} changes found; ${records.toLocaleString('en')} entries verified in ${seconds.toFixed(1)} s`,
      details: `${tableOf(tampered)}

Each change was made in Postgres by a superuser with the triggers off, in a trail of real entries; then the trail was exported and
verified offline, with the heads that were collected outside before. *Hashes too*: the tree was made anew to fit, and the signed heads
that no longer fit were taken out of the database. Without outside heads a cut at the end with all that follows would stay unseen.
${missed.map(({ what }) => `- MISSED: ${what}`).join('\n')}

The file of ${records.toLocaleString('en')} entries was written by the product's own functions, with a signed head each ${HEAD_EVERY} entries, and read from disk.`,
    };
  },
};

const tableOf = (all: Tampering[]): string => {
  const kinds = [...new Set(all.map(({ kind }) => kind))].sort();
  const row = (kind: string) => {
    const of = all.filter((one) => one.kind === kind);
    return `| ${kind} | ${of.length} | ${of.filter(({ found }) => found).length} | ${of.filter(({ named }) => named).length} |`;
  };
  return ['| change | made | found | exact entry named |', '| --- | --: | --: | --: |', ...kinds.map(row)].join('\n');
};

const verifyMany = async (count: number): Promise<{ seconds: number; good: boolean }> => {
  const folder = mkdtempSync(join(tmpdir(), 'spindle-prove-audit-'));
  try {
    const origin = 'spindle.invalid/prove';
    const { privateKey } = generateKeyPairSync('ed25519');
    const file = join(folder, 'export.ndjson');
    await writeTrail(file, count, { origin, privateKey });
    writeFileSync(`${file}.key`, verifierKey(origin, createPublicKey(privateKey)));
    const began = performance.now();
    const { fault, entries } = await verifyFile({ export: file, key: `${file}.key` });
    return { seconds: (performance.now() - began) / 1_000, good: fault === null && entries === count };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

const writeTrail = async (file: string, count: number, signer: Parameters<typeof signCheckpoint>[0]): Promise<void> => {
  const out = createWriteStream(file);
  const write = async (line: string) => {
    if (!out.write(`${line}\n`)) await once(out, 'drain');
  };
  const edge = new TreeEdge();
  await write(headerLine({ origin: signer.origin, size: count, filters: {}, before: { size: 0, subtrees: [] } }));
  for (let seq = 1; seq <= count; seq++) {
    const entry = entryOf(seq);
    const leaf = leafOf(entry);
    edge.add(leaf);
    await write(entryLine(entry, { leaf }));
    if (seq % HEAD_EVERY === 0 || seq === count) await write(checkpointLine(signCheckpoint(signer, seq, edge.root())));
  }
  out.end();
  await once(out, 'finish');
};

/** Of the size that a created target leaves in the trail. */
const entryOf = (seq: number): LeafEntry => {
  const id = randomUUID();
  const time = new Date(1_767_225_600_000 + seq * 100).toISOString();
  return {
    id: randomUUID(),
    seq,
    time,
    recorded_at: time,
    actor: `orchestrator-${seq % 17}`,
    source: 'nats',
    action: 'targets.create',
    resource: { type: 'target', id },
    outcome: 'allowed',
    code: null,
    request_id: randomBytes(12).toString('base64url'),
    before: null,
    after: {
      id,
      iqn: `iqn.2025-01.io.spindle:${id}`,
      status: 'PENDING',
      operation: 'create',
      generation: 1,
      machine_id: randomUUID(),
      lun: 0,
    },
    target_id: id,
    machine_id: null,
  };
};

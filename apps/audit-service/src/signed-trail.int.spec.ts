import { createPublicKey } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditIntent, GetCheckpoint, ExportAudit, OutputOf, ProveConsistency, ProveInclusion } from '#contracts';
import { CHECKPOINT_STREAM } from '#messaging';
import { metrics } from '#runtime';
import { eventually, intent, publish, startTrail, type Trail } from '../../../test/harness/audit-trail';
import { CheckpointFile, readNotes } from './checkpoint-file';
import { openCheckpoint, readVerifierKey, signCheckpoint, verifierKey } from './checkpoint-note';
import { leafOf, type LeafEntry } from './entry-leaf';
import { checkpointLine, entryLine, headerLine } from './export-lines';
import { isConsistent, leafHash, rootByInclusion } from './merkle';
import { NotDropped } from './drop-entries';
import { runDrop } from './run-drop';
import { verifyFile, type ExportFiles } from './verify-file';

const binary = (text: string) => Buffer.from(text, 'base64');

describe('the signed trail', () => {
  let trail: Trail;
  let headsFile: string;

  beforeAll(async () => {
    trail = await startTrail({ AUDIT_CHECKPOINT_SECONDS: '1' }, (folder) => ({ AUDIT_CHECKPOINT_FILE: join(folder, 'heads.txt') }));
    headsFile = join(trail.folder, 'heads.txt');
    await publish(trail.bus, ...[...Array(20)].map(() => intent()));
    await eventually(size, (entries) => entries >= 20);
    await covered();
  }, 60_000);

  afterAll(() => trail.close());

  const publicKey = () => createPublicKey(trail.signer.privateKey);
  const size = async () => Number((await trail.sql<{ size: string }>('SELECT max(seq) AS size FROM audit.entries'))[0]!.size);
  const checkpoint = () => trail.ask('audit.checkpoint') as Promise<OutputOf<typeof GetCheckpoint>>;
  const heads = () => (existsSync(headsFile) ? readNotes(readFileSync(headsFile, 'utf8')) : []);
  /** All that is there now is under a signed head, and that head is in the file. */
  const covered = async () => {
    const wanted = await size();
    await eventually(
      () => Promise.resolve(heads().at(-1) ?? ''),
      (note) => Number(note.split('\n')[1]) >= wanted,
    );
  };
  const add = async (...intents: AuditIntent[]) => {
    const before = await size();
    await publish(trail.bus, ...intents);
    await eventually(size, (entries) => entries >= before + intents.length);
    await covered();
  };
  const exported = async (filters: object = {}, upTo?: number): Promise<string> => {
    const lines: string[] = [];
    const asked = upTo ?? (await checkpoint()).size;
    for (let after: number | null = 0; after !== null;) {
      const page = (await trail.ask('audit.export', { ...filters, size: asked, after })) as OutputOf<typeof ExportAudit>;
      lines.push(...page.lines);
      after = page.next;
    }
    const file = join(trail.folder, `export-${Math.random()}.ndjson`);
    writeFileSync(file, `${lines.join('\n')}\n`);
    writeFileSync(`${file}.key`, verifierKey(trail.signer.origin, publicKey()));
    return file;
  };
  /** Good in itself, signed by the same key, and not of this database. */
  const exportOfAnother = async (): Promise<string> => {
    const { entry } = JSON.parse(readFileSync(await exported(), 'utf8').split('\n')[1]!) as { entry: LeafEntry };
    const theirs = { ...entry, actor: 'eve' };
    const leaf = leafOf(theirs);
    const head = signCheckpoint(trail.signer, 1, leaf);
    const header = headerLine({ origin: trail.signer.origin, size: 1, filters: {}, before: { size: 0, subtrees: [] } });
    const file = join(trail.folder, 'another.ndjson');
    writeFileSync(file, `${[header, entryLine(theirs, { leaf }), checkpointLine(head)].join('\n')}\n`);
    return file;
  };
  const verdict = (file: string) => verifyFile({ export: file, key: `${file}.key`, checkpoints: headsFile });
  const failures = async () =>
    (await metrics.getSingleMetric('spindle_audit_checkpoint_failures_total')!.get()).values.find(
      ({ labels }) => labels.reason === 'inconsistent',
    )!.value;

  it('has heads on NATS, in a file and in an answer, all signed by its key', async () => {
    const { note, verifier_key } = await checkpoint();
    const verifier = readVerifierKey(verifier_key);
    const stored = await (
      await trail.bus.nats.jetstreamManager()
    ).streams.getMessage(CHECKPOINT_STREAM, { last_by_subj: 'audit-checkpoint.signed' });

    expect(verifier_key).toBe(verifierKey(trail.signer.origin, publicKey()));
    for (const one of [note, stored.json<string>(), ...heads()])
      expect(openCheckpoint(one, verifier)).toMatchObject({ origin: trail.signer.origin });
  });

  it('proves that an entry is in it', async () => {
    const { seq, size: tree, leaf, root, proof } = (await trail.ask('audit.inclusion', { seq: 7 })) as OutputOf<typeof ProveInclusion>;
    const line = readFileSync(await exported({}, tree), 'utf8').split('\n')[7]!;

    expect(rootByInclusion(binary(leaf), seq - 1, tree, proof.map(binary))).toEqual(binary(root));
    expect(leafHash(Buffer.from(line.slice('{"entry":'.length, line.lastIndexOf(',"leaf"'))))).toEqual(binary(leaf));
  });

  it('proves that each head is the beginning of the next', async () => {
    const first = (await checkpoint()).size;
    await add(intent(), intent());
    const answer = (await trail.ask('audit.consistency', { from: first })) as OutputOf<typeof ProveConsistency>;

    expect(answer.to).toBeGreaterThan(first);
    expect(isConsistent(first, answer.to, binary(answer.from_root), binary(answer.to_root), answer.proof.map(binary))).toBe(true);
  });

  it.each([
    ['audit.inclusion', { seq: 9_999_999 }, 'ENTRY_NOT_FOUND'],
    ['audit.inclusion', { seq: 1, size: 9_999_999 }, 'ENTRY_NOT_FOUND'],
    ['audit.inclusion', { seq: 0 }, 'INVALID_VALUE'],
    ['audit.consistency', { from: 5, to: 3 }, 'INVALID_VALUE'],
    ['audit.export', { size: 9_999_999 }, 'ENTRY_NOT_FOUND'],
  ])('refuses %s %j', async (subject, body, code) => {
    await expect(trail.ask(subject, body)).rejects.toMatchObject({ code });
  });

  it('is exported whole and in parts, and both verify', async () => {
    await add(
      intent({ actor: 'part', after: { big: 'x'.repeat(60_000), number: 1e21, small: 0.1, minus: -0 } }),
      intent({ actor: 'part' }),
    );

    const whole = await verdict(await exported());
    const part = await verdict(await exported({ actor: 'part' }));

    expect(whole).toMatchObject({ fault: null, provenTo: whole.entries });
    expect(part).toMatchObject({ fault: null, entries: 2 });
  });

  it('records who exported and who asked for proofs', async () => {
    const rows = await trail.sql<{ action: string }>(
      `SELECT DISTINCT action FROM audit.entries WHERE actor = 'auditor' AND outcome = 'allowed' ORDER BY action`,
    );

    expect(rows.map(({ action }) => action)).toEqual(['audit.checkpoint', 'audit.consistency', 'audit.export', 'audit.inclusion']);
  });

  it('drops months that were exported, and everything else goes on to verify', async () => {
    await covered();
    const last = await size();
    const before = await exported();
    const files = { export: before, key: `${before}.key`, checkpoints: headsFile };
    const inAYear = new Date(Date.now() + 366 * 86_400_000);

    const drop = (of: ExportFiles, month: Date) =>
      runDrop(trail.database.audit_owner, month.toISOString().slice(0, 7), of, 'os:ada', inAYear);
    const old = new Date(inAYear.getTime() - 100 * 86_400_000);
    const part = await exported({ actor: 'part' });
    const another = await exportOfAnother();
    const withoutHeads = { export: another, key: files.key };

    await expect(drop(files, inAYear)).rejects.toThrow(NotDropped);
    await expect(drop({ ...files, export: part }, old)).rejects.toThrow('a part of the trail only');
    await expect(drop(withoutHeads, old)).rejects.toThrow('of another trail');
    expect(await trail.sql('SELECT min(seq)::int AS first FROM audit.entries')).toEqual([{ first: 1 }]);
    const upTo = await drop(files, old);
    await add(intent());
    const after = await verdict(await exported());
    const { leaf, root, proof, size: tree } = (await trail.ask('audit.inclusion', { seq: 3 })) as OutputOf<typeof ProveInclusion>;

    expect(upTo).toBeLessThanOrEqual(last);
    expect(await trail.sql('SELECT min(seq)::int AS first FROM audit.entries')).toEqual([{ first: upTo + 1 }]);
    expect(after.fault).toBeNull();
    expect(after.unseen).toBeGreaterThan(0);
    expect(rootByInclusion(binary(leaf), 2, tree, proof.map(binary))).toEqual(binary(root));
    await expect(trail.sql('DELETE FROM audit.entries')).rejects.toThrow('append-only');
  }, 30_000);

  it('signs nothing more once the file has a head that the database does not have', async () => {
    const { size: signed } = await checkpoint();
    const before = await failures();
    await trail.sql(`SET session_replication_role = replica; ALTER TABLE audit.checkpoints DISABLE TRIGGER ALL; ALTER TABLE audit.nodes DISABLE TRIGGER ALL;
      DELETE FROM audit.checkpoints WHERE size > ${signed - 3}; UPDATE audit.nodes SET hash = sha256('x') WHERE level = 0 AND position = ${signed - 2};
      UPDATE audit.nodes SET hash = sha256('y') WHERE level > 0 AND (position + 1) * (1 << level) > ${signed - 2}`);
    await publish(trail.bus, intent());

    await eventually(failures, (count) => count > before);
    expect(heads().at(-1)!.split('\n')[1]).toBe(String(signed));
  }, 30_000);

  it('reads a file of heads that a power cut tore, also once it has grown again', async () => {
    const notes = heads();
    const whole = await exported({}, Number(notes.at(-1)!.split('\n')[1]));
    for (const torn of [notes[0]!.slice(0, 30), notes[0]!.slice(0, -20)]) {
      appendFileSync(headsFile, torn);
      new CheckpointFile(headsFile).append(notes.at(-1)!);
    }
    const good = heads().filter((note) => openCheckpoint(note, { origin: trail.signer.origin, publicKey: publicKey() }));

    expect(good).toEqual([...notes, notes.at(-1), notes.at(-1)]);
    expect(await verdict(whole)).toMatchObject({ unsigned: 1 });
  });
});

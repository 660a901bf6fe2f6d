import { appendFileSync, closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { TargetWish } from '#contracts';
import { crashPoint } from '#runtime';
import { backstoreName, diskOfBackstore } from './lio/target-names';

/** What was last begun for a target. `changing`: begun, and neither done nor undone as far as the journal knows. */
const JournalEntry = z.object({ phase: z.enum(['changing', 'present', 'absent']), wish: TargetWish });
const JournalLine = z.union([
  z.object({ target: JournalEntry }),
  z.object({ backstore: z.object({ name: z.string(), ours: z.boolean() }) }),
]);

export type JournalEntry = z.infer<typeof JournalEntry>;
type JournalLine = z.infer<typeof JournalLine>;

/** Deleted targets whose generation is remembered, so that a late wish for one is refused. */
const MAX_ABSENT = 10_000;
const MIN_LINES_TO_COMPACT = 2_000;

const parseLine = (text: string): JournalLine | null => {
  try {
    return JournalLine.parse(JSON.parse(text));
  } catch {
    // the end of a line is lost when power fails in mid-write: what it said was not begun yet
    return null;
  }
};

/** Which targets have a name or a disk: every wish asks, so the answer must not cost more when there are more targets. */
class Index {
  private readonly ids = new Map<string, Set<string>>();

  add(key: string, id: string): void {
    const ids = this.ids.get(key);
    if (ids) ids.add(id);
    else this.ids.set(key, new Set([id]));
  }

  remove(key: string, id: string): void {
    const ids = this.ids.get(key);
    if (ids?.delete(id) && ids.size === 0) this.ids.delete(key);
  }

  get(key: string): string[] {
    return [...(this.ids.get(key) ?? [])];
  }

  hasOther(key: string, id: string): boolean {
    const ids = this.ids.get(key);
    return ids !== undefined && ids.size > (ids.has(id) ? 1 : 0);
  }
}

/**
 * Remembers on disk which LIO objects are ours, and the newest generation of each target. An object that is not named here is
 * foreign whatever it is called, so a lost journal makes the executor touch too little, never too much.
 */
export class Journal {
  private readonly entries = new Map<string, JournalEntry>();
  private readonly byIqn = new Index();
  private readonly byDisk = new Index();
  private readonly liveByDisk = new Index();
  private readonly backstores = new Set<string>();
  private lines = 0;

  private constructor(private readonly path: string) {}

  static open(stateDir: string): Journal {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    const journal = new Journal(join(stateDir, 'journal.ndjson'));
    let text = '';
    try {
      text = readFileSync(journal.path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    for (const line of text.split('\n')) {
      const parsed = line ? parseLine(line) : null;
      if (parsed) journal.remember(parsed);
    }
    journal.compact();
    return journal;
  }

  get(targetId: string): JournalEntry | undefined {
    return this.entries.get(targetId);
  }

  /** Targets that are there, or may be. */
  live(): JournalEntry[] {
    return [...this.entries.values()].filter(({ phase }) => phase !== 'absent');
  }

  /** Targets that were taken away, as far as they are remembered. */
  absent(): JournalEntry[] {
    return [...this.entries.values()].filter(({ phase }) => phase === 'absent');
  }

  /** Those that are there, or may be, on one disk. */
  liveOn(diskId: string): JournalEntry[] {
    return this.entriesOf(this.liveByDisk.get(diskId));
  }

  /** The target of this name that is there, or may be; else one that was taken away. */
  byName(iqn: string): JournalEntry | undefined {
    const entries = this.entriesOf(this.byIqn.get(iqn));
    return entries.find(({ phase }) => phase !== 'absent') ?? entries[0];
  }

  ownsTarget(iqn: string): boolean {
    const entry = this.byName(iqn);
    return entry !== undefined && entry.phase !== 'absent';
  }

  ownsBackstore(name: string): boolean {
    return this.backstores.has(name);
  }

  /** Its backstore is ours, and no other target is, or may be, on the disk: one that is just being made shows no LUN yet. */
  ownsBackstoreFor({ target_id, disk }: TargetWish): boolean {
    return this.ownsBackstore(backstoreName(disk.disk_id)) && !this.liveByDisk.hasOther(disk.disk_id, target_id);
  }

  /** Whether an object that the saved configuration still has was taken away by us, on purpose. */
  removedTarget(iqn: string): boolean {
    return this.byName(iqn)?.phase === 'absent';
  }

  removedBackstore(name: string): boolean {
    if (this.ownsBackstore(name)) return false;
    return this.entriesOf(this.byDisk.get(diskOfBackstore(name))).some(({ phase }) => phase === 'absent');
  }

  /** On disk before it returns: what is begun now is ours even if we are killed in the middle. */
  begin(wish: TargetWish, claimBackstore: boolean): void {
    const lines: JournalLine[] = [{ target: { phase: 'changing', wish } }];
    if (claimBackstore) lines.push({ backstore: { name: backstoreName(wish.disk.disk_id), ours: true } });
    this.append(lines, true);
    crashPoint('executor.intent-journalled');
  }

  /**
   * How it ended. Not forced to disk: a line lost to a power cut leaves `changing`, which the next wish settles.
   * @param backstoreIsThere whether configfs still shows it; one that is gone is no longer ours, and one that a target of ours
   * shows is ours also when an earlier journal, which was lost, said so.
   */
  settle(entry: JournalEntry, backstoreIsThere: boolean): void {
    const name = backstoreName(entry.wish.disk.disk_id);
    const ours = this.backstores.has(name);
    const lines: JournalLine[] = [];
    if (!isDeepStrictEqual(entry, this.entries.get(entry.wish.target_id))) lines.push({ target: entry });
    if (!backstoreIsThere && ours) lines.push({ backstore: { name, ours: false } });
    if (backstoreIsThere && !ours && entry.phase === 'present') lines.push({ backstore: { name, ours: true } });
    if (lines.length > 0) this.append(lines, false);
    crashPoint('executor.result-journalled');
  }

  /** What was settled is on disk as well. */
  force(): void {
    this.write(this.path, 'a', '');
  }

  private entriesOf(ids: string[]): JournalEntry[] {
    return ids.flatMap((id) => this.entries.get(id) ?? []);
  }

  private forget(targetId: string): void {
    const entry = this.entries.get(targetId);
    if (!entry) return;
    this.entries.delete(targetId);
    this.byIqn.remove(entry.wish.iqn, targetId);
    this.byDisk.remove(entry.wish.disk.disk_id, targetId);
    this.liveByDisk.remove(entry.wish.disk.disk_id, targetId);
  }

  private remember(line: JournalLine): void {
    this.lines++;
    if ('target' in line) {
      // in order of the last change, so that the oldest can be forgotten
      const { target_id, iqn, disk } = line.target.wish;
      this.forget(target_id);
      this.entries.set(target_id, line.target);
      this.byIqn.add(iqn, target_id);
      this.byDisk.add(disk.disk_id, target_id);
      if (line.target.phase !== 'absent') this.liveByDisk.add(disk.disk_id, target_id);
    } else if (line.backstore.ours) this.backstores.add(line.backstore.name);
    else this.backstores.delete(line.backstore.name);
  }

  private append(lines: JournalLine[], force: boolean): void {
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    if (force) this.write(this.path, 'a', text);
    else appendFileSync(this.path, text, { mode: 0o600 });
    lines.forEach((line) => this.remember(line));
    if (this.lines > MIN_LINES_TO_COMPACT && this.lines > 4 * (this.entries.size + this.backstores.size)) this.compact();
  }

  private compact(): void {
    for (const { wish } of this.absent().slice(0, -MAX_ABSENT)) this.forget(wish.target_id);
    const lines: JournalLine[] = [
      ...[...this.entries.values()].map((target) => ({ target })),
      ...[...this.backstores].map((name) => ({ backstore: { name, ours: true } })),
    ];
    const fresh = `${this.path}.new`;
    this.write(fresh, 'w', lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    renameSync(fresh, this.path);
    const folder = openSync(dirname(this.path), 'r');
    fsyncSync(folder);
    closeSync(folder);
    this.lines = lines.length;
  }

  private write(path: string, flag: 'a' | 'w', text: string): void {
    const fd = openSync(path, flag, 0o600);
    try {
      writeSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }
}

import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, readdirSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';

/** As many as targetcli keeps. */
const BACKUPS = 10;
const BACKUP = /^saveconfig-.*json/;

const read = (path: string): Buffer | null => {
  try {
    return readFileSync(path);
  } catch {
    return null;
  }
};

const writeWhole = (path: string, bytes: Buffer): void => {
  const fresh = `${path}.spindle`;
  const fd = openSync(fresh, 'w', 0o600);
  try {
    writeSync(fd, bytes);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(fresh, path);
};

/** Where and as targetcli keeps them (targetcli/ui_root.py, `_save_backups`), unless the newest one is the same. */
const keepBackup = (folder: string, before: Buffer): void => {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const kept = readdirSync(folder)
    .filter((name) => BACKUP.test(name))
    .sort();
  const newest = kept.length > 0 ? read(join(folder, kept.at(-1)!)) : null;
  if (newest && before.equals(unpacked(newest))) return;
  const [date, time] = new Date().toISOString().split('T') as [string, string];
  writeWhole(join(folder, `saveconfig-${date.replaceAll('-', '')}-${time.slice(0, 8)}-json.gz`), gzipSync(before));
  for (const name of kept.reverse().slice(BACKUPS - 1)) unlinkSync(join(folder, name));
};

const unpacked = (bytes: Buffer): Buffer => {
  try {
    return gunzipSync(bytes);
  } catch {
    return bytes;
  }
};

/** Puts a new saved configuration in place of the one before, whole or not at all, readable to root alone: it holds secrets. */
export const writeSavedConfig = (path: string, text: string): void => {
  const before = read(path);
  if (before?.equals(Buffer.from(text))) return;
  mkdirSync(dirname(path), { recursive: true });
  if (before) keepBackup(join(dirname(path), 'backup'), before);
  writeWhole(path, Buffer.from(text));
};

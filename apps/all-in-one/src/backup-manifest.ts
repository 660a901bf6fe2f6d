import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { z } from 'zod';
import { CannotDo } from './work-folder';

const MANIFEST = 'manifest.json';
const FORMAT = 1;

const Manifest = z.object({
  format: z.int(),
  made_at: z.string(),
  spindle_version: z.string(),
  postgres: z.object({ version: z.string(), start_lsn: z.string(), stop_lsn: z.string(), wal_segments: z.array(z.string()) }),
  audit: z.object({ origin: z.string(), size: z.int().positive(), root: z.string(), sha256: z.string() }),
  /** SHA-256 of every other file, by its path. */
  files: z.record(z.string(), z.string()),
});
export type Manifest = z.infer<typeof Manifest>;

/** Of every file below a folder. Small enough to be read whole: 16 MB are the largest by far, 1 GB the largest possible. */
const hashesOf = (folder: string): Record<string, string> => {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => relative(folder, join(entry.parentPath, entry.name))).filter((path) => path !== MANIFEST);
  return Object.fromEntries(
    paths.sort().map((path) => [
      path,
      createHash('sha256')
        .update(readFileSync(join(folder, path)))
        .digest('hex'),
    ]),
  );
};

/** The last thing that is written into a backup. */
export const writeManifest = (folder: string, facts: Omit<Manifest, 'format' | 'files'>, except: string[] = []): Manifest => {
  const files = hashesOf(folder);
  for (const path of except) delete files[path];
  const manifest: Manifest = { format: FORMAT, ...facts, files };
  writeFileSync(join(folder, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600 });
  return manifest;
};

/** @throws CannotDo when it is no backup, or one that this version cannot read */
export const readManifest = (folder: string): Manifest => {
  let read: unknown;
  try {
    read = JSON.parse(readFileSync(join(folder, MANIFEST), 'utf8'));
  } catch {
    throw new CannotDo(`${folder} is no finished backup: it has no ${MANIFEST}`);
  }
  const { format } = read as { format?: unknown };
  if (format !== FORMAT) throw new CannotDo(`the backup has format ${String(format)}, and this version reads ${FORMAT}`);
  const parsed = Manifest.safeParse(read);
  if (!parsed.success) throw new CannotDo(`${MANIFEST} is damaged: ${parsed.error.issues[0]!.path.join('.')}`);
  return parsed.data;
};

/** Each file is there, as it was, and no other. @throws CannotDo naming the first that is not */
export const checkFiles = (folder: string, { files }: Manifest): void => {
  const found = hashesOf(folder);
  for (const path of [...new Set([...Object.keys(files), ...Object.keys(found)])].sort()) {
    if (!(path in found)) throw new CannotDo(`the backup lacks ${path}`);
    if (!(path in files)) throw new CannotDo(`the backup has ${path}, which was not in it`);
    if (found[path] !== files[path]) throw new CannotDo(`${path} in the backup is not as it was written`);
  }
};

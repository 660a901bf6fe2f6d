import { spawnSync } from 'node:child_process';
import { chownSync, lchownSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

export type Owner = { uid: number; gid: number };

/** "nobody": on every Linux, and owns nothing. initdb insists on a user that has a name. */
const nobody: Owner = { uid: 65534, gid: 65534 };

/** Who we are ourselves. */
export const ourselves = (): Owner => ({ uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 });

export const isRoot = (): boolean => process.getuid?.() === 0;

/**
 * Whom to run a child as: an unprivileged user when we are root and that user can read each of `files` and pass through each of `folders`,
 * else undefined (as ourselves). A 0700 folder above the checkout, such as /root, is the usual reason why not.
 */
export function unprivilegedOwner(files: string[], folders: string[]): Owner | undefined {
  if (!isRoot()) return undefined;
  const script = 'for path; do if [ -d "$path" ]; then test -x "$path"; else test -r "$path"; fi || exit 1; done';
  return spawnSync('/bin/sh', ['-c', script, 'sh', ...files, ...folders], { ...nobody, cwd: '/' }).status === 0 ? nobody : undefined;
}

/** Gives a folder and all in it to `owner`, unless the folder is theirs already. Small trees only: it is synchronous. */
export function giveTree(folder: string, owner: Owner): void {
  if (statSync(folder).uid === owner.uid) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) giveTree(path, owner);
    else lchownSync(path, owner.uid, owner.gid);
  }
  chownSync(folder, owner.uid, owner.gid); // last: if we are stopped on the way, the next call goes on
}

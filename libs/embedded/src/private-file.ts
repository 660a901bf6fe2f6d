import { chownSync, rmSync, writeFileSync } from 'node:fs';
import type { Owner } from './unprivileged';

/** Writes a file that `owner` (default: ourselves) can read and nobody else. */
export function writePrivately(path: string, text: string, owner?: Owner): void {
  rmSync(path, { force: true });
  writeFileSync(path, text, { mode: 0o600, flag: 'wx' });
  if (owner) chownSync(path, owner.uid, owner.gid);
}

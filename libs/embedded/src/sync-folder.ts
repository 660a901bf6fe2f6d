import { spawnSync } from 'node:child_process';

/** Forces all that was written to the file system of a folder to its disk: syncfs(2), for which Node has no call. */
export function syncFolder(path: string): void {
  const { status, stderr } = spawnSync('sync', ['-f', path], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${path} could not be forced to disk: ${stderr}`);
}

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { findProgram } from './prerequisites';
import { writePrivately } from './private-file';
import { giveTree, isRoot, unprivilegedOwner, type Owner } from './unprivileged';

/** Absolute, links resolved. What is in `dir` lives as long as one boot, apart from the logs and the state disk. */
export type LabFolders = { dir: string; imageRootHostDir: string; projectRoot: string };

const stateDiskBytes = 512 * 2 ** 20;
const bootFolders = ['control', 'tmp', 'uml'];

/** What a node keeps over a power cut, as an ext4 disk: /var/lib/spindle and /etc/rtslib-fb-target in the lab. */
export const stateDisk = (dir: string): string => join(dir, 'state.img');

export const controlFolder = (dir: string): string => join(dir, 'control');

/**
 * Lays out the lab's folders and gives them to the user whom the lab will run as.
 *
 * @returns that user, or undefined when the lab runs as ourselves.
 */
export function prepareFolders({ dir, imageRootHostDir, projectRoot }: LabFolders, log: (line: string) => void): Owner | undefined {
  const control = controlFolder(dir);
  for (const name of bootFolders) {
    rmSync(join(dir, name), { recursive: true, force: true });
    mkdirSync(join(dir, name), { mode: 0o700 });
  }
  if (!existsSync(stateDisk(dir))) makeStateDisk(stateDisk(dir));
  copyFileSync(join(projectRoot, 'libs/embedded/lab/node.sh'), join(control, 'node.sh'));
  const settings = { IMAGE_ROOT_ON_HOST: imageRootHostDir, PROJECT_ROOT: projectRoot };
  writePrivately(join(control, 'lab.env'), environmentFile(settings));

  chmodSync(dir, 0o711); // so that an unprivileged lab can reach the folders below, which stay private
  const init = join(projectRoot, 'libs/embedded/lab/init.sh');
  const owner = unprivilegedOwner([init, process.execPath], [projectRoot, dir, dirname(imageRootHostDir)]);
  if (isRoot() && !owner) log('storage lab: runs as root, because an unprivileged user cannot reach the checkout, the data folder or node');
  if (owner) {
    for (const name of bootFolders) giveTree(join(dir, name), owner);
    chownSync(stateDisk(dir), owner.uid, owner.gid);
  }
  giveImages(imageRootHostDir, owner);
  return owner;
}

function makeStateDisk(path: string): void {
  const unfinished = `${path}.new`;
  writeFileSync(unfinished, '', { mode: 0o600 });
  truncateSync(unfinished, stateDiskBytes); // sparse: it takes the room of what is in it
  const { status, stderr } = spawnSync(findProgram('mkfs.ext4') ?? 'mkfs.ext4', ['-q', '-F', unfinished], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`mkfs.ext4 could not make the storage lab's state disk: ${stderr}`);
  renameSync(unfinished, path);
}

/** Makes the image folder and the files directly in it the lab's, so that LIO can open them for writing. */
export function giveImages(imageRoot: string, owner: Owner | undefined): void {
  if (!owner) return;
  chownSync(imageRoot, owner.uid, owner.gid);
  for (const entry of readdirSync(imageRoot, { withFileTypes: true })) {
    const path = join(imageRoot, entry.name);
    // one that is theirs already is left alone: a chown stamps its inode, and the executor would look at it once more
    if (entry.isFile() && lstatSync(path).uid !== owner.uid) lchownSync(path, owner.uid, owner.gid);
  }
}

/** Assignments that `sh` takes back unchanged, whatever the values hold. */
export function environmentFile(values: Record<string, string>): string {
  return Object.entries(values)
    .map(([name, value]) => {
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new Error(`"${name}" is not a name for an environment variable`);
      return `${name}='${value.replaceAll("'", `'\\''`)}'\n`;
    })
    .join('');
}

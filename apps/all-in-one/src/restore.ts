import { chmodSync, cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { postgresMajor, startPostgres } from '#embedded';
import { verifyBackedUp, verifyRestored, type RestoredTrail } from '../../audit-service/src/verify-restored';
import { holdNodesOf } from '../../targets-service/src/reconcile/hold-nodes';
import { CHECKPOINT_FILE, TRAIL_FILE } from './back-up';
import { checkFiles, readManifest, type Manifest } from './backup-manifest';
import { CannotDo, makeFolder } from './work-folder';

export interface RestoreOptions {
  from: string;
  /** Made by this, or empty. */
  dataDir: string;
  /** Heads of the trail that were collected elsewhere, a file: the only thing that a forger of the whole backup does not have. */
  collected?: string;
  /** Who restores, as the trail shall name them. */
  actor: string;
  say: (line: string) => void;
}

export interface Restored extends RestoredTrail {
  manifest: Manifest;
  nodesHeld: number;
}

/**
 * Makes a data folder from a backup, after its database was recovered and its audit trail found to be the one of the backup. Every node is held
 * in it: whatever starts on it sends nothing to a node before its plan was accepted.
 * @throws CannotDo, BadTrail, with nothing left
 */
export const restore = async ({ from, dataDir, collected, actor, say }: RestoreOptions): Promise<Restored> => {
  const manifest = readManifest(from);
  checkFiles(from, manifest);
  mustBeOurPostgres(from);
  const trail = { file: join(from, TRAIL_FILE), facts: manifest.audit, madeAt: manifest.made_at, collected };
  await verifyBackedUp(trail);
  say(`the backup is whole: ${Object.keys(manifest.files).length} files, audit trail good up to entry ${manifest.audit.size}`);
  return makeFolder(dataDir, async (folder) => {
    for (const name of ['postgres', 'secrets', CHECKPOINT_FILE])
      if (existsSync(join(from, name))) cpSync(join(from, name), join(folder, name), { recursive: true });
    chmodSync(folder, 0o711); // as of a data folder: Postgres passes through it as another user
    const server = await startPostgres({ dataDir: join(folder, 'postgres'), log: say });
    let found: RestoredTrail;
    let nodesHeld: number;
    try {
      found = await verifyRestored(server.superuserUrl, trail, actor);
      nodesHeld = await holdNodesOf(server.superuserUrl, actor);
    } finally {
      await server.stop();
    }
    rmSync(join(folder, 'postgres/process.json'), { force: true });
    return { manifest, nodesHeld, ...found };
  });
};

const mustBeOurPostgres = (from: string): void => {
  const [theirs, ours] = [readFileSync(join(from, 'postgres/cluster/PG_VERSION'), 'utf8').trim(), postgresMajor()];
  if (theirs !== ours)
    throw new CannotDo(`the backup is of Postgres ${theirs}, and this is ${ours}: restore it with the Spindle that made it`);
};

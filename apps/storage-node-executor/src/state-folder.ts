import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { Id } from '#contracts';
import { BadSettings } from '#runtime';

const INSTANCE = 'instance';

/**
 * Takes a state folder for this process alone. The lock is an abstract unix socket (unix(7)): the kernel ends it together with the
 * process, however that dies. Its name is the folder itself, by whichever path it is called. Such names are per network namespace,
 * and a storage node has one: LIO's portals are in it too.
 * @throws BadSettings when another process has it
 */
export const lockStateFolder = async (path: string): Promise<Server> => {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const { dev, ino } = statSync(path, { bigint: true });
  const lock = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    lock.once('error', reject);
    lock.listen({ path: `\0spindle-executor-${dev}-${ino}` }, resolve);
  }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new BadSettings([`STATE_DIR: another executor is running on ${path}`]);
  });
  return lock.unref();
};

/** The instance that last held the node from this folder. Whoever has the folder's lock knows that it is dead. */
export const readInstance = (path: string): string | null => {
  try {
    return Id.parse(readFileSync(join(path, INSTANCE), 'utf8').trim());
  } catch (error) {
    // without it we wait for the end of a lease, nothing worse
    if (error instanceof z.ZodError || (error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
};

/** On disk before it returns, whole or not at all. */
export const writeInstance = (path: string, instance: string): void => {
  const fresh = join(path, `${INSTANCE}.new`);
  const fd = openSync(fresh, 'w', 0o600);
  writeSync(fd, `${instance}\n`);
  fsyncSync(fd);
  closeSync(fd);
  renameSync(fresh, join(path, INSTANCE));
  const folder = openSync(path, 'r');
  fsyncSync(folder);
  closeSync(folder);
};

import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { Id } from '#contracts';
import { BadSettings } from '#runtime';

const INSTANCES = 'instances';
/** More starts than this in one lease's time, and the lease is waited for. */
const KEPT = 20;
const RESTORED = 'restored-in-boot';

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

/** Those that may hold the node from this folder, oldest first. Whoever has the folder's lock knows that they are dead. */
export const readInstances = (path: string): string[] => {
  try {
    return z.array(Id).parse(readFileSync(join(path, INSTANCES), 'utf8').trim().split('\n'));
  } catch (error) {
    // without them we wait for the end of a lease, nothing worse
    if (error instanceof z.ZodError || (error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
};

/** On disk before it returns. Written before the node is asked for: a crash may hide that it was granted. */
export const writeInstances = (path: string, instances: string[]): void => writeWhole(path, INSTANCES, instances.slice(-KEPT).join('\n'));

/** proc(5): another one after each boot. */
const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

/** Whether the whole wish has been met since the node booted: what lacks since then was taken away by somebody. */
export const wasRestored = (path: string): boolean => {
  try {
    return readFileSync(join(path, RESTORED), 'utf8').trim() === bootId();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
};

export const noteRestored = (path: string): void => writeWhole(path, RESTORED, bootId());

/** On disk before it returns, whole or not at all. */
export const writeWhole = (path: string, name: string, text: string): void => {
  const fresh = join(path, `${name}.new`);
  const fd = openSync(fresh, 'w', 0o600);
  writeSync(fd, `${text}\n`);
  fsyncSync(fd);
  closeSync(fd);
  renameSync(fresh, join(path, name));
  const folder = openSync(path, 'r');
  fsyncSync(folder);
  closeSync(folder);
};

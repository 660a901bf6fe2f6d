import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { syncFolder } from '#embedded';

const MARK = 'at-work';

/** What a person is told, without a stack. */
export class CannotDo extends Error {}

const isFree = (path: string): boolean => !existsSync(path) || readdirSync(path).length === 0;

/**
 * Makes a folder whole or not at all: what is under its own name is finished. A run that was killed leaves another name behind, which
 * the next one takes away.
 * @throws CannotDo when it is there already and not empty, or another process makes it; whatever `work` throws, with nothing left
 */
export const makeFolder = async <T>(path: string, work: (unfinished: string) => Promise<T>): Promise<T> => {
  if (!isFree(path)) throw new CannotDo(`${path} is not empty: nothing was changed`);
  mkdirSync(dirname(path), { recursive: true });
  const unfinished = join(dirname(path), `.${basename(path)}.unfinished`);
  clear(unfinished);
  mkdirSync(unfinished, { mode: 0o700 });
  writeFileSync(join(unfinished, MARK), String(process.pid), { mode: 0o600 });
  try {
    const result = await work(unfinished);
    rmSync(join(unfinished, MARK));
    syncFolder(unfinished);
    // takes the place of an empty folder, and of nothing else
    renameSync(unfinished, path);
    syncFolder(dirname(path));
    return result;
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    if ((error as NodeJS.ErrnoException).code === 'ENOTEMPTY') throw new CannotDo(`${path} is not empty any more: nothing was changed`);
    throw error;
  }
};

const clear = (unfinished: string): void => {
  if (!existsSync(unfinished)) return;
  const mark = join(unfinished, MARK);
  const pid = existsSync(mark) ? Number(readFileSync(mark, 'utf8')) : 0;
  if (pid !== process.pid && isAlive(pid)) throw new CannotDo(`process ${pid} is at work in ${unfinished}: wait for it`);
  rmSync(unfinished, { recursive: true, force: true });
};

const isAlive = (pid: number): boolean => {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};

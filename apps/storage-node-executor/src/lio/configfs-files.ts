import { closeSync, constants, openSync, readSync, readdirSync, readlinkSync, writeSync } from 'node:fs';

/** Single reads and writes of configfs, by whole paths: for whoever looks at LIO's tree or changes it. */

/** An object or session that ends while it is read shows as one of these: it is gone. */
const GONE = new Set(['ENOENT', 'ENODEV', 'ENOTDIR']);

/** @throws what is no such error: what cannot be read is not taken for what is not there */
export const unlessGone = <T>(read: () => T, gone: T): T => {
  try {
    return read();
  } catch (error) {
    if (GONE.has((error as NodeJS.ErrnoException).code ?? '')) return gone;
    throw error;
  }
};

const page = Buffer.alloc(4_096);

/** A file of configfs is no longer than a page and comes with one read; a look at a target is some forty of them. */
const readAtOnce = (path: string): string => {
  const fd = openSync(path, 'r');
  try {
    return page.toString('utf8', 0, readSync(fd, page, 0, page.length, 0));
  } finally {
    closeSync(fd);
  }
};

/** Null when it is not there. */
export const textOf = (path: string): string | null => unlessGone(() => readAtOnce(path).trim(), null);

/** Names. */
export const foldersIn = (path: string): string[] =>
  unlessGone(() => readdirSync(path, { withFileTypes: true }), [])
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);

/** A LUN and a mapped LUN are a folder with one symbolic link of a random name; what it leads to is the object behind. */
export const linkIn = (path: string): { name: string; to: string } | null => {
  const link = unlessGone(() => readdirSync(path, { withFileTypes: true }), []).find((entry) => entry.isSymbolicLink());
  const to = link ? unlessGone(() => readlinkSync(`${path}/${link.name}`), null) : null;
  return link && to !== null ? { name: link.name, to } : null;
};

export const isLun = (folder: string): boolean => /^lun_\d+$/.test(folder);
export const lunNumber = (folder: string): number => Number(folder.slice('lun_'.length));

/** With one write, as configfs wants it, and without a line end, which some files would keep; some cannot be read. */
export const putValue = (path: string, value: string): void => {
  const fd = openSync(path, constants.O_WRONLY);
  try {
    writeSync(fd, value);
  } finally {
    closeSync(fd);
  }
};

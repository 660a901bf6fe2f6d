import fs from 'node:fs';

type Read = () => unknown;
const page = Buffer.alloc(4_096);

/** The reads of files, folders and links that `work` makes, in its order. */
export const recordReads = (work: () => unknown): Read[] => {
  const reads: Read[] = [];
  const { openSync, readdirSync, readlinkSync, existsSync } = fs;
  const readAll = (path: string) => {
    const fd = openSync(path, 'r');
    try {
      fs.readSync(fd, page, 0, page.length, 0);
    } finally {
      fs.closeSync(fd);
    }
  };
  const spied = {
    openSync: (path: string, flags: string) => (reads.push(() => readAll(path)), openSync(path, flags)),
    readdirSync: (path: string) => (
      reads.push(() => readdirSync(path, { withFileTypes: true })),
      readdirSync(path, { withFileTypes: true })
    ),
    readlinkSync: (path: string) => (reads.push(() => readlinkSync(path)), readlinkSync(path)),
    existsSync: (path: string) => (reads.push(() => existsSync(path)), existsSync(path)),
  };
  Object.assign(fs, spied);
  try {
    work();
  } finally {
    Object.assign(fs, { openSync, readdirSync, readlinkSync, existsSync });
  }
  return reads;
};

/** The same reads, with nothing made of them; a file that was not there is not there again. */
export const replay = (reads: Read[]): void => {
  for (const read of reads)
    try {
      read();
    } catch {
      // as the first time
    }
};

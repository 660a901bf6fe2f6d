import { readFileSync, readlinkSync, readdirSync, statSync } from 'node:fs';

/** targetcli flocks it for as long as it runs, without a time limit (targetcli, `try_op_lock`). */
export const TARGETCLI_LOCK = '/run/targetcli.lock';

export interface LockState {
  holder: { pid: number; program: string } | null;
  /** Processes that wait for it, ours not counted. */
  waiting: number;
}

const FREE: LockState = { holder: null, waiting: 0 };

const readable = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

/** Locks on one inode, as /proc/locks lists them: `1: FLOCK ADVISORY WRITE 412 00:16:27 0 EOF`, waiters with `->`. */
export const parseLocks = (text: string, inode: number): { pid: number; waits: boolean }[] =>
  text.split('\n').flatMap((line) => {
    const match = /^\d+:\s+(->\s+)?FLOCK\s+\S+\s+\S+\s+(-?\d+)\s+[0-9a-f]+:[0-9a-f]+:(\d+)\s/.exec(line);
    return match && Number(match[3]) === inode ? [{ pid: Number(match[2]), waits: match[1] !== undefined }] : [];
  });

/** An inode number is unique within one file system only: does this process really have the lock file open? */
const hasOpen = (pid: number, path: string): boolean => {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`).endsWith(path);
      } catch {
        return false;
      }
    });
  } catch {
    return false;
  }
};

/** What runs as `pid`: for a script its own name, such as targetcli, since the kernel names the interpreter's. */
const programOf = (pid: number): string => {
  const script = readable(`/proc/${pid}/cmdline`).split('\0')[1] ?? '';
  const name = script.startsWith('/') ? script.slice(script.lastIndexOf('/') + 1) : readable(`/proc/${pid}/comm`).trim();
  return /^[A-Za-z0-9_.-]{1,32}$/.test(name) ? name : 'a program';
};

/** A lock outlives the process that took it when a child has inherited it: then the kernel names one that is gone. */
const anyWithOpen = (path: string, waiting: ReadonlySet<number>): number | undefined =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((pid) => !waiting.has(pid) && hasOpen(pid, path));

/** Null while nobody has made the file. */
const locksOn = (path: string): { pid: number; waits: boolean }[] | null => {
  try {
    return parseLocks(readable('/proc/locks'), statSync(path).ino);
  } catch {
    return null;
  }
};

/** Whether anybody waits for targetcli's lock, ours among them: what a burst may ask for each of its targets, whatever else runs on the node. */
export const isWaitedFor = (path = TARGETCLI_LOCK): boolean => locksOn(path)?.some(({ waits }) => waits) ?? false;

/**
 * Who holds targetcli's lock, found without taking it: a probe that takes it, if only for an instant, can itself be what
 * another targetcli waits for. Processes of other containers are not seen.
 */
export const lockState = (ownPids: ReadonlySet<number> = new Set(), path = TARGETCLI_LOCK): LockState => {
  const locks = locksOn(path);
  if (!locks) return FREE;
  const others = locks.filter(({ pid }) => !ownPids.has(pid));
  const listed = others.find(({ waits }) => !waits)?.pid;
  const waiting = new Set(others.filter(({ waits }) => waits).map((other) => other.pid));
  const pid = listed === undefined || hasOpen(listed, path) ? listed : anyWithOpen(path, waiting);
  return {
    holder: pid === undefined || ownPids.has(pid) ? null : { pid, program: programOf(pid) },
    waiting: waiting.size,
  };
};

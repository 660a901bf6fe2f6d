import { closeSync, constants, fstatSync, lstatSync, openSync, type BigIntStats } from 'node:fs';
import type { ErrorCode, InspectImageReply } from '#contracts';
import { sleep } from '#runtime';
import { imagePath } from './lio/target-names';

/** The smallest unit that a disk of ours has. Bytes. */
const SECTOR_BYTES = 512;

/**
 * Looks at a file of IMAGE_ROOT by its descriptor, so that what is looked at is what was opened: no symbolic link, no device or
 * pipe (which would block without O_NONBLOCK), and no second name by which another user could change it.
 */
const look = (path: string, access: number): InspectImageReply & { errno?: string } => {
  let fd: number;
  try {
    fd = openSync(path, access | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).code;
    return { result: errno === 'ENOENT' || errno === 'ENOTDIR' ? 'missing' : 'not-a-file', size_bytes: 0, errno };
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.nlink !== 1) return { result: 'not-a-file', size_bytes: 0 };
    if (stat.size < SECTOR_BYTES) return { result: 'empty', size_bytes: 0 };
    // the kernel shows whole sectors only: an initiator would miss the end of it (target_core_file.c, fd_get_blocks)
    if (stat.size % SECTOR_BYTES !== 0) return { result: 'not-a-file', size_bytes: 0 };
    return { result: 'ok', size_bytes: stat.size };
  } finally {
    closeSync(fd);
  }
};

export const inspectImage = (imageRoot: string, file: string): InspectImageReply => {
  const { result, size_bytes } = look(imagePath(imageRoot, file), constants.O_RDONLY);
  return { result, size_bytes };
};

/**
 * What keeps a file from being exported, or null. Looked at by us because the kernel opens with O_CREAT: it would make an empty
 * file where one is missing (target_core_file.c, fd_configure_device). It opens for writing, for a read-only export as well.
 */
export const unusableBacking = (path: string, sizeBytes: number): ErrorCode | null => {
  const { result, size_bytes } = look(path, constants.O_RDWR);
  if (result === 'missing') return 'BACKING_FILE_MISSING';
  if (result !== 'ok') return 'BACKING_FILE_UNUSABLE';
  return size_bytes === sizeBytes ? null : 'BACKING_FILE_CHANGED';
};

/** Inodes are stamped by a clock that stands still for up to 10 ms (CONFIG_HZ=100): two changes within it leave one stamp. */
const TICK_MS = 20;
const MOST_LOOKS = 5;

/**
 * Which file stands under a path, and when it was last put there; null for none. The kernel is given a path and follows links, so whoever
 * may write to the folder could put another file in place while it is opened. To move a file away and back stamps its inode (POSIX leaves
 * it open; ext4, xfs, btrfs and tmpfs do), and nobody can set that stamp.
 */
export const fileIdentity = (path: string): string | null => {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stat ? identityOf(stat) : null;
};

const identityOf = ({ dev, ino, ctimeNs }: BigIntStats): string => `${dev} ${ino} ${ctimeNs}`;

/** One that any later change of the file shows in; null for no file, and for one that is changed all the time. */
export const settledIdentity = async (path: string): Promise<string | null> => {
  for (let looks = 0; looks < MOST_LOOKS; looks++) {
    const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (!stat) return null;
    if (Math.abs(Date.now() - Number(stat.ctimeMs)) > TICK_MS) return identityOf(stat);
    await sleep(TICK_MS);
  }
  return null;
};

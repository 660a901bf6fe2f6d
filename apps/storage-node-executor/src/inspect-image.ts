import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import type { ErrorCode, InspectImageReply } from '#contracts';
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

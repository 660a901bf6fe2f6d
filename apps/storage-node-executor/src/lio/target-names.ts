import { isIP } from 'node:net';
import { IQN_PATTERN, NODE_ID_PATTERN, type Portal } from '#contracts';

/**
 * Characters that configshell's grammar takes in a path and in a value alike (configshell_fb/shell.py, `pathstd` and `var`).
 * Any other silently ends the line, and the rest of it is dropped with exit code 0; a new line would be a second command.
 */
const TOKEN_PATTERN = /^[A-Za-z0-9:_.[\]/-]+$/;

/** Attributes and parameters also have commas, which a value may hold and a path may not. */
const VALUE_PATTERN = /^[A-Za-z0-9:_.,[\]/-]+$/;

/** The kernel keeps 255 bytes of a fileio path and opens another file when there are more (target_core_file.c, match_strlcpy). */
const MAX_PATH_BYTES = 250;

/** No comma, which ends `fd_dev_name=`; no colon, which rtslib splits the kernel's answer at (rtslib_fb/tcm.py, `_parse_info`). */
const IMAGE_ROOT_PATTERN = /^\/[A-Za-z0-9_./-]{1,120}$/;
const BACKSTORE_PATTERN = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const IMAGE_FILE = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;
const UUID_PATTERN = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A value that must not reach targetcli. It is refused, never escaped: configshell has no quoting. */
export class UnsafeName extends Error {
  constructor(what: string) {
    super(`${what} has characters that targetcli cannot carry`);
    this.name = 'UnsafeName';
  }
}

const checked = (what: string, value: string, pattern: RegExp): string => {
  if (!pattern.test(value) || value.includes('..')) throw new UnsafeName(what);
  return value;
};

/**
 * The last gate before a line for targetcli: every part of a line passes here.
 * @throws UnsafeName
 */
export const token = (value: string | number): string => checked('a part of a command', String(value), TOKEN_PATTERN);

/** @throws UnsafeName */
export const valueToken = (value: string): string => checked('a value', value, VALUE_PATTERN);

/** @throws UnsafeName */
export const iqnToken = (iqn: string): string => {
  if (iqn.length > 223) throw new UnsafeName('an IQN');
  return checked('an IQN', iqn, IQN_PATTERN);
};

/** Named as targets-service names targets. It is no proof that we made it. */
export const isNamedAsOurs = (iqn: string, prefix: string): boolean =>
  iqn.startsWith(`${prefix}:`) && UUID_PATTERN.test(iqn.slice(prefix.length + 1));

/** A backstore is named after its disk, so that a wish finds it without a look-up. */
export const backstoreName = (diskId: string): string => `spindle-${checked('a disk id', diskId, UUID_PATTERN)}`;

/** The disk of a backstore that `backstoreName` named. */
export const diskOfBackstore = (name: string): string => name.replace(/^spindle-/, '');

/** @throws UnsafeName */
export const backstoreToken = (name: string): string => checked('a backstore name', name, BACKSTORE_PATTERN);

/**
 * The initiator sees only the hex digits of the serial in its NAA name (target_core_spc.c, spc_gen_naa_6h_vendor_specific):
 * a UUID keeps two disks apart where names such as vol-1 and vol-2 would not.
 */
export const unitSerial = (diskId: string): string => checked('a disk id', diskId, UUID_PATTERN);

/** @throws UnsafeName when the folder cannot be written on a line of targetcli. */
export const imageRoot = (path: string): string => checked('IMAGE_ROOT', path, IMAGE_ROOT_PATTERN).replace(/\/+$/, '');

/** @throws UnsafeName when the path is longer than the kernel keeps. */
export const imagePath = (root: string, file: string): string => {
  const path = `${imageRoot(root)}/${checked('an image file', file, IMAGE_FILE)}`;
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) throw new UnsafeName('an image path');
  return path;
};

/** The other way round: the image file that a path is, null for a path that is none of ours. */
export const fileUnder = (root: string, path: string): string | null => {
  const folder = `${imageRoot(root)}/`;
  const file = path.slice(folder.length);
  return path.startsWith(folder) && IMAGE_FILE.test(file) ? file : null;
};

/**
 * Neither rtslib nor targetcli checks an address; zone ids are not supported by them.
 * @throws UnsafeName
 */
export const portalToken = ({ address, port }: Portal): Portal => {
  // ::ffff:192.0.2.1 listens where 192.0.2.1 does, and the kernel shows another name for it than was asked for
  const mapped = address.includes(':') && address.includes('.');
  if (isIP(address) === 0 || mapped || address.includes('%') || !Number.isInteger(port) || port < 1 || port > 65535)
    throw new UnsafeName('a portal');
  return { address, port };
};

/** The name of a portal's folder under `np/`: the kernel writes IPv6 addresses in brackets. */
export const portalFolder = ({ address, port }: Portal): string => (isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`);

/** @returns null when the folder is not named as the kernel names portals. */
export const portalOfFolder = (folder: string): Portal | null => {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:]+)):(\d+)$/.exec(folder);
  return match ? { address: (match[1] ?? match[2])!, port: Number(match[3]) } : null;
};

/** Names of one machine under the prefix of this installation. */
export const machineNames = (prefix: string, machineId: string): { iqn: string; initiatorIqn: string } => {
  const id = checked('a machine id', machineId, NODE_ID_PATTERN);
  return { iqn: iqnToken(`${prefix}:${id}`), initiatorIqn: iqnToken(`${prefix}:m-${id}`) };
};

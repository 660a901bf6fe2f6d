import { closeSync, constants, existsSync, mkdirSync, openSync, readdirSync, rmdirSync, symlinkSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { CONFIGFS_TARGET } from '../../apps/storage-node-executor/src/lio/configfs';
import { TPG_ATTRIBUTES } from '../../apps/storage-node-executor/src/lio/wished-values';
import type { DesiredTarget } from '../../apps/storage-node-executor/src/lio/target-state';

/**
 * The fewest configfs calls that make or remove a complete target: the limit that an engine is measured against. It looks at nothing, undoes
 * nothing, and its HBA folder is given to it.
 */
const CORE = join(CONFIGFS_TARGET, 'core');
const ISCSI = join(CONFIGFS_TARGET, 'iscsi');

/** Configfs takes a value with one write; some of its files cannot be read. */
const put = (path: string, value: string): void => {
  const fd = openSync(path, constants.O_WRONLY);
  try {
    writeSync(fd, value);
  } finally {
    closeSync(fd);
  }
};

export const makeRaw = ({ iqn, initiatorIqn, backstore, file, sizeBytes, serial, lun, portal }: DesiredTarget, hba: string): void => {
  const store = join(CORE, hba, backstore);
  const tpg = join(ISCSI, iqn, 'tpgt_1');
  const acl = join(tpg, 'acls', initiatorIqn);
  mkdirSync(join(CORE, hba));
  mkdirSync(store);
  put(join(store, 'control'), `fd_dev_name=${file},fd_dev_size=${sizeBytes}`);
  put(join(store, 'udev_path'), file);
  put(join(store, 'enable'), '1');
  put(join(store, 'wwn/vpd_unit_serial'), serial);
  put(join(store, 'attrib/emulate_write_cache'), '0');
  mkdirSync(ISCSI, { recursive: true });
  mkdirSync(join(ISCSI, iqn));
  mkdirSync(tpg);
  for (const [name, value] of Object.entries(TPG_ATTRIBUTES.set)) put(join(tpg, 'attrib', name), value);
  mkdirSync(join(tpg, 'lun', `lun_${lun}`));
  symlinkSync(store, join(tpg, 'lun', `lun_${lun}`, 'raw'));
  mkdirSync(acl);
  mkdirSync(join(acl, `lun_${lun}`));
  symlinkSync(join(tpg, 'lun', `lun_${lun}`), join(acl, `lun_${lun}`, 'raw'));
  put(join(acl, `lun_${lun}`, 'write_protect'), '0');
  mkdirSync(join(tpg, 'np', `${portal.address}:${portal.port}`));
  put(join(tpg, 'enable'), '1');
};

const linkIn = (folder: string): string =>
  join(folder, readdirSync(folder, { withFileTypes: true }).find((entry) => entry.isSymbolicLink())!.name);

export const removeRaw = ({ iqn, initiatorIqn, backstore, lun, portal }: DesiredTarget, hba: string): void => {
  const tpg = join(ISCSI, iqn, 'tpgt_1');
  const acl = join(tpg, 'acls', initiatorIqn);
  put(join(tpg, 'enable'), '0');
  rmdirSync(join(tpg, 'np', `${portal.address}:${portal.port}`));
  unlinkSync(linkIn(join(acl, `lun_${lun}`)));
  rmdirSync(join(acl, `lun_${lun}`));
  rmdirSync(acl);
  unlinkSync(linkIn(join(tpg, 'lun', `lun_${lun}`)));
  rmdirSync(join(tpg, 'lun', `lun_${lun}`));
  rmdirSync(tpg);
  rmdirSync(join(ISCSI, iqn));
  rmdirSync(join(CORE, hba, backstore));
  if (existsSync(join(CORE, hba))) rmdirSync(join(CORE, hba));
};

import { existsSync, mkdirSync, rmdirSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { linkIn, putValue } from '../../apps/storage-node-executor/src/lio/configfs-files';
import { CONFIGFS_TARGET } from '../../apps/storage-node-executor/src/lio/configfs';
import { TPG_ATTRIBUTES } from '../../apps/storage-node-executor/src/lio/wished-values';
import type { DesiredTarget } from '../../apps/storage-node-executor/src/lio/target-state';

/**
 * The fewest configfs calls that make or remove a complete target: the limit that an engine is measured against. It looks at nothing, undoes
 * nothing, and its HBA folder is given to it.
 */
const CORE = join(CONFIGFS_TARGET, 'core');
const ISCSI = join(CONFIGFS_TARGET, 'iscsi');

export const makeRaw = ({ iqn, initiatorIqn, backstore, file, sizeBytes, serial, lun, portal }: DesiredTarget, hba: string): void => {
  const store = join(CORE, hba, backstore);
  const tpg = join(ISCSI, iqn, 'tpgt_1');
  const acl = join(tpg, 'acls', initiatorIqn);
  mkdirSync(join(CORE, hba));
  mkdirSync(store);
  putValue(join(store, 'control'), `fd_dev_name=${file},fd_dev_size=${sizeBytes}`);
  putValue(join(store, 'udev_path'), file);
  putValue(join(store, 'enable'), '1');
  putValue(join(store, 'wwn/vpd_unit_serial'), serial);
  putValue(join(store, 'attrib/emulate_write_cache'), '0');
  mkdirSync(ISCSI, { recursive: true });
  mkdirSync(join(ISCSI, iqn));
  mkdirSync(tpg);
  for (const [name, value] of Object.entries(TPG_ATTRIBUTES.set)) putValue(join(tpg, 'attrib', name), value);
  mkdirSync(join(tpg, 'lun', `lun_${lun}`));
  symlinkSync(store, join(tpg, 'lun', `lun_${lun}`, 'raw'));
  mkdirSync(acl);
  mkdirSync(join(acl, `lun_${lun}`));
  symlinkSync(join(tpg, 'lun', `lun_${lun}`), join(acl, `lun_${lun}`, 'raw'));
  putValue(join(acl, `lun_${lun}`, 'write_protect'), '0');
  mkdirSync(join(tpg, 'np', `${portal.address}:${portal.port}`));
  putValue(join(tpg, 'enable'), '1');
};

const unlink = (folder: string): void => unlinkSync(join(folder, linkIn(folder)!.name));

export const removeRaw = ({ iqn, initiatorIqn, backstore, lun, portal }: DesiredTarget, hba: string): void => {
  const tpg = join(ISCSI, iqn, 'tpgt_1');
  const acl = join(tpg, 'acls', initiatorIqn);
  putValue(join(tpg, 'enable'), '0');
  rmdirSync(join(tpg, 'np', `${portal.address}:${portal.port}`));
  unlink(join(acl, `lun_${lun}`));
  rmdirSync(join(acl, `lun_${lun}`));
  rmdirSync(acl);
  unlink(join(tpg, 'lun', `lun_${lun}`));
  rmdirSync(join(tpg, 'lun', `lun_${lun}`));
  rmdirSync(tpg);
  rmdirSync(join(ISCSI, iqn));
  rmdirSync(join(CORE, hba, backstore));
  if (existsSync(join(CORE, hba))) rmdirSync(join(CORE, hba));
};

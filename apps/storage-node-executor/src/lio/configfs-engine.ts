import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, rmdirSync, symlinkSync, unlinkSync } from 'node:fs';
import { basename } from 'node:path';
import type { Step } from '../plan-target';
import type { ConfigfsTree } from './configfs';
import { foldersIn, isLun, linkIn, putValue, textOf } from './configfs-files';
import { TargetCLIError, type FaultKind } from './targetcli-errors';
import type { TargetcliLease } from './targetcli-lease';
import { isDoneWhenGone } from './targetcli-lines';
import { savedReservations } from './persistent-reservations';
import { UnsafeName, backstoreToken, iqnToken, portalFolder, portalToken, token, valueToken } from './target-names';
import { savedText, savedTree } from './saved-tree';
import type { DesiredTarget } from './target-state';
import type { Values } from './wished-values';
import { writeSavedConfig } from './write-saved-config';

/** What the kernel's own codes mean here; any other is a refusal that nobody has seen yet. */
const KINDS: Record<string, FaultKind> = {
  EEXIST: 'exists',
  ENOENT: 'not-found',
  EINVAL: 'rejected',
  EPERM: 'rejected',
  EOPNOTSUPP: 'rejected',
  EBUSY: 'busy',
  ENOTEMPTY: 'busy',
  ENOSPC: 'no-space',
  EFBIG: 'no-space',
};

/** As they are: each part is a name that was looked at, and nothing in them needs to be made normal. */
const join = (...parts: string[]): string => parts.join('/');

const pathsIn = (path: string): string[] => foldersIn(path).map((name) => join(path, name));
const lunsIn = (path: string): string[] => pathsIn(path).filter((folder) => isLun(basename(folder)));

/** A LUN or a mapped LUN. */
const removeLinked = (path: string): void => {
  const link = linkIn(path);
  if (link) unlinkSync(join(path, link.name));
  rmdirSync(path);
};

const removeAcl = (path: string): void => {
  lunsIn(path).forEach(removeLinked);
  rmdirSync(path);
};

/** All that a TPG holds, in the order in which the kernel lets go of it. */
const removeTpg = (path: string): void => {
  pathsIn(join(path, 'np')).forEach((portal) => rmdirSync(portal));
  pathsIn(join(path, 'acls')).forEach(removeAcl);
  lunsIn(join(path, 'lun')).forEach(removeLinked);
  rmdirSync(path);
};

/** Names of links say nothing to anybody; rtslib's are as long. Node draws the entropy of many UUIDs at once. */
const linkName = (): string => randomUUID().replace('-', '').slice(0, 10);

/**
 * Does each step by the very calls of configfs that rtslib would make for it, without targetcli: mkdir, symlink and single writes. The
 * trees that it leaves are the same, file by file (test/lio/same-trees). It holds targetcli's lock meanwhile.
 */
export class ConfigfsEngine {
  private dbroot: string | undefined;

  constructor(
    private readonly lease: TargetcliLease,
    private readonly tree: ConfigfsTree,
  ) {}

  /** @throws TargetCLIError with the kernel's own code as its cause, Refused */
  async perform(step: Step): Promise<void> {
    await this.lease.act(step.step, () => {
      try {
        this.does(step);
      } catch (error) {
        if (error instanceof UnsafeName || error instanceof TargetCLIError) throw error;
        const fault = asFault(error as NodeJS.ErrnoException, step);
        if (fault.kind === 'not-found' && isDoneWhenGone(step)) return;
        throw fault;
      }
    });
  }

  /**
   * Writes the distribution's own file, so that its restore works without us.
   * @throws CannotSave for what only rtslib can save, Refused
   */
  async saveConfig(file: string, ours: DesiredTarget[]): Promise<void> {
    await this.lease.acquire();
    const tree = await savedTree(this.tree, ours);
    await this.lease.act('save-config', () => writeSavedConfig(file, savedText(tree)));
  }

  private does(step: Step): void {
    switch (step.step) {
      case 'create-backstore':
        return this.createBackstore(step.backstore, step.file, step.serial, step.sizeBytes);
      case 'set-backstore-attributes':
        return setAll(join(this.backstore(step.backstore), 'attrib'), step.attributes);
      case 'set-access-state':
        return putValue(join(this.backstore(step.backstore), 'alua/default_tg_pt_gp/alua_access_state'), token(step.state));
      case 'create-target':
        return this.createTarget(step.iqn);
      case 'set-tpg-attributes':
        return setAll(join(this.tpg(step.iqn), 'attrib'), step.attributes);
      case 'set-tpg-parameters':
        return setAll(join(this.tpg(step.iqn), 'param'), step.parameters);
      case 'create-lun':
        return linkTo(this.backstore(step.backstore), this.lun(step.iqn, step.lun));
      case 'create-acl':
        return void mkdirSync(this.acl(step.iqn, step.initiatorIqn));
      case 'untag-acl':
        return putValue(join(this.acl(step.iqn, step.initiatorIqn), 'tag'), 'NULL');
      case 'clear-acl-secrets':
        return step.secrets
          .flatMap((name) => [name, name.replace('userid', 'password')])
          .forEach((file) => putValue(join(this.acl(step.iqn, step.initiatorIqn), 'auth', file), 'NULL'));
      case 'set-acl-secrets':
        return this.tree.writeChap(step.iqn, step.initiatorIqn, step.chap);
      case 'set-acl-attributes':
        return setAll(join(this.acl(step.iqn, step.initiatorIqn), 'attrib'), step.attributes);
      case 'map-lun':
        linkTo(this.lun(step.iqn, step.tpgLun), this.mapped(step.iqn, step.initiatorIqn, step.lun));
        return putValue(join(this.mapped(step.iqn, step.initiatorIqn, step.lun), 'write_protect'), step.readOnly ? '1' : '0');
      case 'create-portal':
        return void mkdirSync(join(this.tpg(step.iqn), 'np', portalFolder(portalToken(step.portal))));
      case 'enable-tpg':
        return putValue(join(this.tpg(step.iqn), 'enable'), '1');
      case 'disable-tpg':
        return putValue(join(this.tpg(step.iqn), 'enable'), '0');
      case 'unmap-lun':
        return removeLinked(this.mapped(step.iqn, step.initiatorIqn, step.lun));
      case 'delete-acl':
        return removeAcl(this.acl(step.iqn, step.initiatorIqn));
      case 'delete-lun':
        return this.deleteLun(step.iqn, step.lun);
      case 'delete-portal':
        return rmdirSync(join(this.tpg(step.iqn), 'np', portalFolder(step.portal)));
      case 'delete-tpg':
        return removeTpg(join(this.target(step.iqn), `tpgt_${step.tag}`));
      case 'delete-target':
        pathsIn(this.target(step.iqn))
          .filter((folder) => /^tpgt_\d+$/.test(basename(folder)))
          .forEach(removeTpg);
        return rmdirSync(this.target(step.iqn));
      case 'delete-unused-backstore':
        return this.deleteUnusedBackstore(step.backstore);
    }
  }

  private createBackstore(name: string, file: string, serial: string, sizeBytes: number): void {
    // the kernel opens with O_CREAT, and would make an empty one (target_core_file.c, fd_configure_device)
    if (!existsSync(file)) throw new TargetCLIError('file', 'create-backstore', `no file ${file}`);
    const hba = `fileio_${this.tree.hbas.free()}`;
    const folder = this.path('core', hba);
    const device = join(folder, backstoreToken(name));
    mkdirSync(folder);
    try {
      mkdirSync(device);
      this.tree.hbas.made(hba, name);
      // written through, since nothing says `fd_buffered_io`
      putValue(join(device, 'control'), `fd_dev_name=${token(file)},fd_dev_size=${sizeBytes}`);
      putValue(join(device, 'udev_path'), file);
      putValue(join(device, 'enable'), '1');
      putValue(join(device, 'wwn/vpd_unit_serial'), token(serial));
      for (const registration of savedReservations(this.databaseRoot(), serial))
        putValue(join(device, 'pr/res_aptpl_metadata'), registration);
    } catch (error) {
      this.deleteDevice(hba, name);
      throw error;
    }
  }

  /** The fabric's own folder is there once somebody has asked for it: the kernel loads the module then. */
  private createTarget(iqn: string): void {
    mkdirSync(this.path('iscsi'), { recursive: true });
    mkdirSync(this.target(iqn));
    mkdirSync(this.tpg(iqn));
  }

  /** Mappings of it would keep its folder. */
  private deleteLun(iqn: string, lun: number): void {
    for (const acl of pathsIn(join(this.tpg(iqn), 'acls')))
      for (const mapped of lunsIn(acl)) if (basename(linkIn(mapped)?.to ?? '') === `lun_${lun}`) removeLinked(mapped);
    removeLinked(this.lun(iqn, lun));
  }

  private deleteUnusedBackstore(name: string): void {
    const hba = this.tree.hbas.find(name);
    if (!hba || this.tree.isExported(name)) return;
    for (const group of pathsIn(this.path('core', hba, name, 'alua'))) if (basename(group) !== 'default_tg_pt_gp') rmdirSync(group);
    this.deleteDevice(hba, name);
  }

  private deleteDevice(hba: string, name: string): void {
    for (const folder of [this.path('core', hba, name), this.path('core', hba)])
      try {
        rmdirSync(folder);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    this.tree.hbas.removed(hba);
  }

  /** @throws an ENOENT of our own when there is no such backstore */
  private backstore(name: string): string {
    const hba = this.tree.hbas.known(backstoreToken(name));
    if (!hba) throw Object.assign(new Error(`no backstore ${name}`), { code: 'ENOENT' });
    return this.path('core', hba, name);
  }

  private databaseRoot(): string {
    return (this.dbroot ??= textOf(this.path('dbroot')) ?? '');
  }

  private target = (iqn: string): string => this.path('iscsi', iqnToken(iqn));
  private tpg = (iqn: string): string => join(this.target(iqn), 'tpgt_1');
  private lun = (iqn: string, lun: number): string => join(this.tpg(iqn), 'lun', `lun_${token(lun)}`);
  private acl = (iqn: string, initiatorIqn: string): string => join(this.tpg(iqn), 'acls', iqnToken(initiatorIqn));
  private mapped = (iqn: string, initiatorIqn: string, lun: number): string => join(this.acl(iqn, initiatorIqn), `lun_${token(lun)}`);
  private path = (...parts: string[]): string => join(this.tree.root, ...parts);
}

const setAll = (folder: string, values: Values): void => {
  for (const [name, value] of Object.entries(values)) putValue(join(folder, token(name)), valueToken(value));
};

const linkTo = (object: string, folder: string): void => {
  mkdirSync(folder);
  try {
    symlinkSync(object, join(folder, linkName()));
  } catch (error) {
    rmdirSync(folder);
    throw error;
  }
};

const asFault = (error: NodeJS.ErrnoException, { step }: Step): TargetCLIError => {
  const code = error.code ?? '';
  const kind = KINDS[code] ?? 'unknown';
  // which address it is that something else holds, only the kernel knows
  const refused = step === 'create-portal' && kind !== 'exists' && kind !== 'not-found' ? 'create-failed' : kind;
  const file = step === 'create-backstore' && (kind === 'not-found' || code === 'EACCES' || code === 'EROFS') ? 'file' : refused;
  return new TargetCLIError(file, step, `${code} ${error.syscall ?? ''} ${error.path ?? error.message}`);
};

import { existsSync, rmdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Portal } from '#contracts';
import { CHAP_FILES, chapFingerprint, type ChapCredentials, type ChapValues } from './chap-credentials';
import { foldersIn, isLun, linkIn, lunNumber, putValue, textOf } from './configfs-files';
import { HbaIndex } from './hba-index';
import { iqnToken, portalOfFolder } from './target-names';
import type { Seen, SeenAcl, SeenBackstore, SeenLun, SeenSession, SeenTarget } from './target-state';
import {
  ACL_ATTRIBUTES,
  BACKSTORE_ATTRIBUTES,
  TPG_ATTRIBUTES,
  TPG_PARAMETERS,
  namesOf,
  type Values,
  type WishedValues,
} from './wished-values';

export const CONFIGFS_TARGET = '/sys/kernel/config/target';

/** `info` of an ACL (iscsi_target_configfs.c, lio_target_nacl_info_show): the newest session only, whatever their number. */
export const parseSession = (initiatorIqn: string, info: string): SeenSession | null => {
  const state = /^Session State: (?:TARG_SESS_STATE_)?(\S+)/m.exec(info)?.[1];
  if (!state) return null;
  return { initiatorIqn, state, address: /^\s+Address (\S+) /m.exec(info)?.[1] ?? null };
};

/** `info` of a fileio backstore (target_core_file.c, fd_show_configfs_dev_params). */
export const parseBackstoreInfo = (info: string): Pick<SeenBackstore, 'file' | 'sizeBytes' | 'writeThrough' | 'exported'> => {
  const match = /File: (\S+)\s+Size: (\d+)\s+Mode: (\S+)/.exec(info);
  return {
    file: match?.[1] ?? null,
    sizeBytes: match ? Number(match[2]) : null,
    writeThrough: match?.[3] === 'O_DSYNC',
    exported: /^Status: ACTIVATED/.test(info),
  };
};

/** A password alone does nothing (iscsi_target_auth.c, chap_server_open). */
const CHAP_NAMES = ['userid', 'userid_mutual'] as const;

/** `alua_tg_pt_gp` of a LUN (target_core_alua.c, core_alua_show_tg_pt_gp_info). */
export const parseLunPath = (info: string): string | null => {
  const group = /^TG Port Alias: (.+)$/m.exec(info)?.[1] ?? 'default_tg_pt_gp';
  const state = /^TG Port Secondary Access State: (.+)$/m.exec(info)?.[1] ?? 'None';
  if (group !== 'default_tg_pt_gp') return group;
  return state === 'None' ? null : state.toLowerCase();
};

/**
 * Reads the live state of LIO: the only source of truth about it. Reads are short and never wait for targetcli. Of changes, it makes those
 * that must not, or need not, go through targetcli.
 */
export class ConfigfsTree {
  readonly hbas: HbaIndex;

  constructor(readonly root = CONFIGFS_TARGET) {
    this.hbas = new HbaIndex(join(root, 'core'));
  }

  /** One target and the backstore that its wish names. */
  see(iqn: string, backstore: string | null): Seen {
    return { target: this.target(iqn), backstore: backstore === null ? null : this.backstore(backstore) };
  }

  targetNames(): string[] {
    return this.folders('iscsi').filter((name) => /^(iqn|eui|naa)\./.test(name));
  }

  backstoreNames(): { plugin: string; name: string }[] {
    return this.folders('core')
      .filter((hba) => hba !== 'alua')
      .flatMap((hba) => this.folders('core', hba).map((name) => ({ plugin: hba.replace(/_\d+$/, ''), name })));
  }

  hasTarget(iqn: string): boolean {
    return this.exists('iscsi', iqn);
  }

  target(iqn: string): SeenTarget | null {
    if (!this.hasTarget(iqn)) return null;
    const tpg = ['iscsi', iqn, 'tpgt_1'];
    const tpgs = this.tpgTags(iqn);
    const acls = this.folders(...tpg, 'acls').map((initiatorIqn) => this.acl([...tpg, 'acls', initiatorIqn], initiatorIqn));
    return {
      iqn,
      hasTpg: tpgs.includes(1),
      enabled: this.text(...tpg, 'enable') === '1',
      attributes: this.values(TPG_ATTRIBUTES, ...tpg, 'attrib'),
      parameters: this.values(TPG_PARAMETERS, ...tpg, 'param'),
      portals: this.folders(...tpg, 'np')
        .map(portalOfFolder)
        .filter((portal): portal is Portal => portal !== null),
      luns: this.folders(...tpg, 'lun').map((folder) => this.lun([...tpg, 'lun', folder], lunNumber(folder))),
      acls,
      sessions: acls.flatMap(({ initiatorIqn }) => this.session(iqn, initiatorIqn) ?? []),
      otherTpgs: tpgs.filter((tag) => tag !== 1),
    };
  }

  tpgTags(iqn: string): number[] {
    return this.folders('iscsi', iqn).flatMap((name) => (/^tpgt_\d+$/.test(name) ? [Number(name.slice('tpgt_'.length))] : []));
  }

  session(iqn: string, initiatorIqn: string): SeenSession | null {
    return parseSession(initiatorIqn, this.text('iscsi', iqn, 'tpgt_1', 'acls', initiatorIqn, 'info') ?? '');
  }

  /** Sessions of initiators that have an ACL; the newest of each. */
  sessions(iqn: string): SeenSession[] {
    if (this.sessionCount(iqn) === 0) return []; // one read instead of several, for all targets every few seconds
    return this.folders('iscsi', iqn, 'tpgt_1', 'acls').flatMap((initiatorIqn) => this.session(iqn, initiatorIqn) ?? []);
  }

  /** The kernel's own count, which several sessions of one initiator raise too. */
  sessionCount(iqn: string): number {
    return Number(this.text('iscsi', iqn, 'fabric_statistics', 'iscsi_instance', 'sessions') ?? 0);
  }

  backstore(name: string): SeenBackstore | null {
    const hba = this.hbas.find(name);
    if (!hba) return null;
    const path = ['core', hba, name];
    const serial = /: (\S+)/.exec(this.text(...path, 'wwn', 'vpd_unit_serial') ?? '')?.[1] ?? null;
    const configured = this.text(...path, 'enable') === '1';
    return {
      name,
      configured,
      serial,
      udevPath: this.text(...path, 'udev_path'),
      attributes: this.values(BACKSTORE_ATTRIBUTES, ...path, 'attrib'),
      accessState: this.text(...path, 'alua', 'default_tg_pt_gp', 'alua_access_state'),
      ...parseBackstoreInfo(configured ? (this.text(...path, 'info') ?? '') : ''),
    };
  }

  /** The kernel's count of LUNs on it, over all fabrics, is not zero. */
  isExported(name: string): boolean {
    const hba = this.hbas.find(name);
    return hba !== null && parseBackstoreInfo(this.text('core', hba, name, 'info') ?? '').exported;
  }

  /**
   * Fileio backstores whose file is gone, or that a killed process left without one: either keeps targetcli from making any
   * other (ui_backstore.py, `samefile`).
   */
  backstoresWithoutFile(): string[] {
    return this.backstoreNames()
      .filter(({ plugin }) => plugin === 'fileio')
      .map(({ name }) => name)
      .filter((name) => {
        const seen = this.backstore(name);
        return seen !== null && (seen.file === null || !existsSync(seen.file));
      });
  }

  /**
   * Writes names and secrets of an ACL straight to the kernel: on their way through targetcli they would stand in its log, its history and
   * on its output. Each with one write, without a line end, which the kernel would keep. Those that are not set become NULL.
   */
  writeChap(iqn: string, initiatorIqn: string, credentials: ChapCredentials): void {
    const values = credentials.reveal();
    for (const name of CHAP_FILES)
      putValue(this.path('iscsi', iqnToken(iqn), 'tpgt_1', 'acls', iqnToken(initiatorIqn), 'auth', name), values[name] || 'NULL');
  }

  /** @returns false when something is still in it */
  removeTargetFolder(iqn: string): boolean {
    try {
      rmdirSync(this.path('iscsi', iqnToken(iqn)));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOTEMPTY' || code === 'EBUSY') return false;
      if (code !== 'ENOENT') throw error;
    }
    return true;
  }

  private acl(path: string[], initiatorIqn: string): SeenAcl {
    const luns = this.folders(...path)
      .filter(isLun)
      .map((folder) => {
        const link = this.linkTarget(...path, folder);
        return {
          lun: lunNumber(folder),
          tpgLun: link ? lunNumber(basename(link)) : null,
          readOnly: this.text(...path, folder, 'write_protect') === '1',
        };
      });
    const auth = Object.fromEntries(CHAP_FILES.map((name) => [name, this.text(...path, 'auth', name) ?? ''])) as unknown as ChapValues;
    return {
      initiatorIqn,
      attributes: this.values(ACL_ATTRIBUTES, ...path, 'attrib'),
      queueDepth: this.text(...path, 'cmdsn_depth'),
      tag: this.text(...path, 'tag') || null,
      // whatever begins with NULL is no value (iscsi_target_configfs.c, __iscsi_nacl_auth_store)
      secrets: CHAP_NAMES.filter((name) => !/^(NULL|$)/.test(auth[name])),
      chap: chapFingerprint(auth),
      luns,
    };
  }

  private lun(path: string[], lun: number): SeenLun {
    const link = this.linkTarget(...path);
    const [hba, name] = link ? [basename(dirname(link)), basename(link)] : [null, null];
    // that it is there, the link to it says; whether it is the one that we mean, `find` says
    const isMeant = name !== null && (hba === this.hbas.known(name) || hba === this.hbas.find(name));
    const backstore = name && !isMeant ? `${hba}/${name}` : name;
    return { lun, backstore, path: parseLunPath(this.text(...path, 'alua_tg_pt_gp') ?? '') };
  }

  /** Only those that a wish speaks of, a TPG and a backstore have some fifty; without those that the kernel does not have. */
  private values(wished: WishedValues, ...path: string[]): Values {
    const values = namesOf(wished).map((name) => [name, this.text(...path, name)] as const);
    return Object.fromEntries(values.filter((entry): entry is [string, string] => entry[1] !== null));
  }

  private linkTarget(...path: string[]): string | null {
    return linkIn(this.path(...path))?.to ?? null;
  }

  private folders(...path: string[]): string[] {
    return foldersIn(this.path(...path));
  }

  private exists(...path: string[]): boolean {
    return existsSync(this.path(...path));
  }

  private text(...path: string[]): string | null {
    return textOf(this.path(...path));
  }

  /** Joined as they are: some sixty times a look, and nothing in them needs to be made normal. */
  private path(...path: string[]): string {
    return `${this.root}/${path.join('/')}`;
  }
}

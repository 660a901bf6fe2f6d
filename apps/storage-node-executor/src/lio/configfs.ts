import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Portal } from '#contracts';
import { portalOfFolder } from './target-names';
import {
  ACL_ATTRIBUTES,
  BACKSTORE_ATTRIBUTES,
  TPG_ATTRIBUTES,
  type Seen,
  type SeenAcl,
  type SeenBackstore,
  type SeenSession,
  type SeenTarget,
} from './target-state';

export const CONFIGFS_TARGET = '/sys/kernel/config/target';

/** An object or session that ends while it is read shows as one of these: it is gone. */
const GONE = new Set(['ENOENT', 'ENODEV', 'ENOTDIR']);

const unlessGone = <T>(read: () => T, gone: T): T => {
  try {
    return read();
  } catch (error) {
    if (GONE.has((error as NodeJS.ErrnoException).code ?? '')) return gone;
    throw error;
  }
};

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

const lunNumber = (folder: string): number => Number(folder.slice('lun_'.length));

/** Reads the live state of LIO: the only source of truth about it. Reads are short and never wait for targetcli. */
export class ConfigfsTree {
  /** Where a backstore was last found; looked at again each time. */
  private readonly hbas = new Map<string, string>();

  constructor(readonly root = CONFIGFS_TARGET) {}

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

  target(iqn: string): SeenTarget | null {
    if (!this.exists('iscsi', iqn)) return null;
    const tpg = ['iscsi', iqn, 'tpgt_1'];
    const acls = this.folders(...tpg, 'acls').map((initiatorIqn) => this.acl([...tpg, 'acls', initiatorIqn], initiatorIqn));
    return {
      iqn,
      enabled: this.text(...tpg, 'enable') === '1',
      attributes: this.attributes(TPG_ATTRIBUTES, ...tpg, 'attrib'),
      portals: this.folders(...tpg, 'np')
        .map(portalOfFolder)
        .filter((portal): portal is Portal => portal !== null),
      luns: this.folders(...tpg, 'lun').map((folder) => ({
        lun: lunNumber(folder),
        backstore: this.linkTarget(...tpg, 'lun', folder),
      })),
      acls,
      sessions: acls.flatMap(({ initiatorIqn }) => this.session(iqn, initiatorIqn) ?? []),
      otherTpgs: this.folders('iscsi', iqn)
        .filter((name) => /^tpgt_\d+$/.test(name) && name !== 'tpgt_1')
        .map((name) => Number(name.slice('tpgt_'.length))),
    };
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
    const hba = this.hbaOf(name);
    if (!hba) return null;
    const path = ['core', hba, name];
    const serial = /: (\S+)/.exec(this.text(...path, 'wwn', 'vpd_unit_serial') ?? '')?.[1] ?? null;
    const configured = this.text(...path, 'enable') === '1';
    return {
      name,
      configured,
      serial,
      attributes: this.attributes(BACKSTORE_ATTRIBUTES, ...path, 'attrib'),
      ...parseBackstoreInfo(configured ? (this.text(...path, 'info') ?? '') : ''),
    };
  }

  /** The kernel's count of LUNs on it, over all fabrics, is not zero. */
  isExported(name: string): boolean {
    const hba = this.hbaOf(name);
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

  /** targetcli makes an HBA folder for each fileio backstore; a name is unique within the plug-in. */
  private hbaOf(name: string): string | null {
    const known = this.hbas.get(name);
    if (known && this.exists('core', known, name)) return known;
    const hba = this.folders('core').find((folder) => folder.startsWith('fileio_') && this.exists('core', folder, name)) ?? null;
    if (hba) this.hbas.set(name, hba);
    else this.hbas.delete(name);
    return hba;
  }

  private acl(path: string[], initiatorIqn: string): SeenAcl {
    const luns = this.folders(...path)
      .filter((folder) => /^lun_\d+$/.test(folder))
      .map((folder) => {
        const link = this.linkTarget(...path, folder);
        return {
          lun: lunNumber(folder),
          tpgLun: link ? lunNumber(link) : null,
          readOnly: this.text(...path, folder, 'write_protect') === '1',
        };
      });
    const attributes = Object.entries(this.attributes(ACL_ATTRIBUTES, ...path, 'attrib')).filter(([, value]) => value !== '');
    return { initiatorIqn, attributes: Object.fromEntries(attributes), luns };
  }

  /** Only those that a wish speaks of: a TPG and a backstore have some fifty. */
  private attributes(wanted: Record<string, string>, ...path: string[]): Record<string, string> {
    return Object.fromEntries(Object.keys(wanted).map((name) => [name, this.text(...path, name) ?? '']));
  }

  /** A LUN is a folder with one symbolic link of a random name; the last part of its target is the object behind. */
  private linkTarget(...path: string[]): string | null {
    const entries = unlessGone(() => readdirSync(this.path(...path), { withFileTypes: true }), []);
    const link = entries.find((entry) => entry.isSymbolicLink());
    return link ? unlessGone(() => basename(readlinkSync(this.path(...path, link.name))), null) : null;
  }

  private folders(...path: string[]): string[] {
    const entries = unlessGone(() => readdirSync(this.path(...path), { withFileTypes: true }), []);
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  }

  private exists(...path: string[]): boolean {
    return existsSync(this.path(...path));
  }

  private text(...path: string[]): string | null {
    return unlessGone(() => readFileSync(this.path(...path), 'utf8').trim(), null);
  }

  private path(...path: string[]): string {
    return join(this.root, ...path);
  }
}

import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { parseBackstoreInfo, type ConfigfsTree } from './configfs';
import { foldersIn, isLun, linkIn, lunNumber, textOf } from './configfs-files';
import { portalFolder, portalOfFolder } from './target-names';
import type { DesiredTarget } from './target-state';
import { BACKSTORE_ATTRIBUTES, tpgAttributes, type Values } from './wished-values';

/** What only rtslib knows how to save; nothing is written then. */
export class CannotSave extends Error {}

type Json = Record<string, unknown>;

const text = (...path: string[]): string => textOf(join(...path)) ?? '';
const folders = (...path: string[]): string[] => foldersIn(join(...path)).sort();

/** As rtslib does (rtslib_fb/node.py, `dump`): what can be read and written; whole numbers as such. */
const written = (numbers: boolean, ...path: string[]): Json => {
  const folder = join(...path);
  const both = 0o600;
  const names = readdirSync(folder)
    .filter((name) => (statSync(join(folder, name)).mode & both) === both)
    .sort();
  return Object.fromEntries(names.map((name) => [name, numbers ? numeric(text(folder, name)) : text(folder, name)]));
};
const numeric = (value: string): string | number => (/^-?\d+$/.test(value) ? Number(value) : value);
const numbers = (values: Values): Json => Object.fromEntries(Object.entries(values).map(([name, value]) => [name, numeric(value)]));

/** rtslib_fb/alua.py: the kernel's words by their numbers. */
const ALUA_TYPES = ['None', 'Implicit', 'Explicit', 'Implicit and Explicit'];
const ALUA_STATUSES = ['None', 'Altered by Explicit STPG', 'Altered by Implicit ALUA'];
const ALUA_NUMBERS = [
  'alua_access_state',
  'alua_write_metadata',
  'preferred',
  'nonop_delay_msecs',
  'trans_delay_msecs',
  'implicit_trans_secs',
];
const ALUA_SUPPORT = ['offline', 'standby', 'transitioning', 'active_nonoptimized', 'unavailable', 'active_optimized'];

const aluaGroup = (device: string, name: string): Json => {
  const path = join(device, 'alua', name);
  const values = [...ALUA_NUMBERS, ...ALUA_SUPPORT.map((state) => `alua_support_${state}`), 'tg_pt_gp_id'];
  return {
    name,
    alua_access_type: ALUA_TYPES.indexOf(text(path, 'alua_access_type')),
    alua_access_status: ALUA_STATUSES.indexOf(text(path, 'alua_access_status')),
    ...Object.fromEntries(values.map((value) => [value, numeric(text(path, value))])),
  };
};

/** What each plug-in that the kernel has by itself needs to be made again. */
const ofPlugin = (plugin: string, device: string): Json => {
  const info = text(device, 'info');
  const wwn = text(device, 'wwn/vpd_unit_serial').replace(/^.*?:\s*/, '');
  const write_back = text(device, 'attrib/emulate_write_cache') === '1';
  switch (plugin) {
    case 'fileio': {
      const { file, sizeBytes } = parseBackstoreInfo(info);
      return { plugin, dev: text(device, 'udev_path') || file, size: sizeBytes, aio: /Async: 1/.test(info), write_back, wwn };
    }
    case 'iblock':
      return { plugin: 'block', dev: text(device, 'udev_path'), readonly: /readonly: 1/.test(info), write_back, wwn };
    case 'rd_mcp': {
      const [, pages, size] = /PAGES\/PAGE_SIZE: (\d+)\*(\d+)/.exec(info) ?? [];
      return { plugin: 'ramdisk', size: Number(pages) * Number(size), ...(/nullio: 1/.test(info) ? { nullio: true } : {}), wwn };
    }
    default:
      throw new CannotSave(`There is a backstore of the plug-in ${plugin}.`);
  }
};

const foreignDevice = (hba: string, name: string, core: string): Json => {
  const device = join(core, hba, name);
  return {
    name,
    ...ofPlugin(hba.replace(/_\d+$/, ''), device),
    attributes: written(true, device, 'attrib'),
    alua_tpgs: folders(device, 'alua').map((group) => aluaGroup(device, group)),
  };
};

const linkOf = (path: string): { alias: string; to: string } => {
  const link = linkIn(path);
  if (!link) throw new CannotSave(`There is a LUN without a backstore: ${basename(path)}.`);
  return { alias: link.name, to: link.to };
};
const lunsIn = (path: string): string[] => folders(path).filter(isLun);

/** rtslib's names of plug-ins. */
export const PLUGINS: Record<string, string> = { iblock: 'block', rd_mcp: 'ramdisk' };
const objectPath = (link: string): string => {
  const plugin = basename(dirname(link)).replace(/_\d+$/, '');
  return `/backstores/${PLUGINS[plugin] ?? plugin}/${basename(link)}`;
};

const AUTH = {
  chap_userid: 'userid',
  chap_password: 'password',
  chap_mutual_userid: 'userid_mutual',
  chap_mutual_password: 'password_mutual',
};
const secrets = (path: string): Json =>
  Object.fromEntries(
    Object.entries(AUTH)
      .map(([name, file]) => [name, text(path, 'auth', file)] as const)
      .filter(([, value]) => value !== '' && !value.startsWith('NULL')),
  );

const lunOf = (path: string, folder: string): Json => {
  const { alias, to } = linkOf(join(path, folder));
  const group = /^[^:]*: *(.*)$/m.exec(text(path, folder, 'alua_tg_pt_gp'))?.[1] ?? null;
  return { index: lunNumber(folder), storage_object: objectPath(to), alias, alua_tg_pt_gp_name: group };
};

const mappedLun = (path: string, folder: string): Json => {
  const { alias, to } = linkOf(join(path, folder));
  return { index: lunNumber(folder), tpg_lun: lunNumber(basename(to)), alias, write_protect: text(path, folder, 'write_protect') === '1' };
};

const foreignAcl = (path: string, node_wwn: string): Json => ({
  node_wwn,
  attributes: written(true, path, 'attrib'),
  mapped_luns: lunsIn(path).map((folder) => mappedLun(path, folder)),
  ...(text(path, 'tag') ? { tag: text(path, 'tag') } : {}),
  ...secrets(path),
});

const foreignPortal = (path: string, folder: string): Json => ({
  ip_address: folder.slice(0, folder.lastIndexOf(':')),
  port: portalOfFolder(folder)?.port,
  iser: text(path, folder, 'iser') === '1',
  offload: text(path, folder, 'cxgbit') === '1',
});

const foreignTpg = (path: string, folder: string): Json => ({
  tag: Number(folder.slice('tpgt_'.length)),
  enable: text(path, folder, 'enable') === '1',
  attributes: written(true, path, folder, 'attrib'),
  parameters: written(false, path, folder, 'param'),
  luns: lunsIn(join(path, folder, 'lun')).map((lun) => lunOf(join(path, folder, 'lun'), lun)),
  portals: folders(path, folder, 'np').map((portal) => foreignPortal(join(path, folder, 'np'), portal)),
  node_acls: folders(path, folder, 'acls').map((acl) => foreignAcl(join(path, folder, 'acls', acl), acl)),
  ...secrets(join(path, folder)),
});

const foreignTarget = (root: string, wwn: string): Json => ({
  wwn,
  fabric: 'iscsi',
  tpgs: folders(root, 'iscsi', wwn)
    .filter((folder) => /^tpgt_\d+$/.test(folder))
    .map((folder) => foreignTpg(join(root, 'iscsi', wwn), folder)),
  ...(folders(root, 'iscsi', wwn).includes('param') ? { parameters: written(false, root, 'iscsi', wwn, 'param') } : {}),
});

/** Ours are as wished, which was looked at: what the kernel makes an object with need not stand there. */
const ourDevice = ({ backstore, file, sizeBytes, serial }: DesiredTarget): Json => ({
  name: backstore,
  plugin: 'fileio',
  dev: file,
  size: sizeBytes,
  aio: false,
  write_back: false,
  wwn: serial,
  attributes: numbers(BACKSTORE_ATTRIBUTES.set),
  alua_tpgs: [],
});

const ourTarget = ({ iqn, initiatorIqn, lun, portal, backstore, readOnly, chap }: DesiredTarget): Json => {
  const values = chap?.reveal();
  const secret = Object.entries(AUTH).map(([name, file]) => [name, values?.[file as keyof typeof values] ?? ''] as const);
  const folder = portalFolder(portal);
  return {
    wwn: iqn,
    fabric: 'iscsi',
    tpgs: [
      {
        tag: 1,
        enable: true,
        attributes: numbers(tpgAttributes(chap !== null).set),
        luns: [{ index: lun, storage_object: `/backstores/fileio/${backstore}`, alua_tg_pt_gp_name: 'default_tg_pt_gp' }],
        portals: [{ ip_address: folder.slice(0, folder.lastIndexOf(':')), port: portal.port, iser: false, offload: false }],
        node_acls: [
          {
            node_wwn: initiatorIqn,
            mapped_luns: [{ index: lun, tpg_lun: lun, write_protect: readOnly }],
            ...Object.fromEntries(secret.filter(([, value]) => value !== '')),
          },
        ],
      },
    ],
  };
};

const DISCOVERY = {
  discovery_userid: 'userid',
  discovery_password: 'password',
  discovery_mutual_userid: 'userid_mutual',
  discovery_mutual_password: 'password_mutual',
};
const fabrics = (root: string): Json[] => {
  const auth = join(root, 'iscsi/discovery_auth');
  if (text(auth, 'enforce_discovery_auth') !== '1') return [];
  const values = Object.entries(DISCOVERY).map(([name, file]) => [name, text(auth, file)] as const);
  return [
    { name: 'iscsi', discovery_enable_auth: true, ...Object.fromEntries(values.filter(([, value]) => value && !value.startsWith('NULL'))) },
  ];
};

const AT_ONCE = 25;

/**
 * The node in the words of saveconfig.json(5): of ours what is wished, of everybody else's all that rtslib would save.
 * @throws CannotSave
 */
export const savedTree = async (tree: ConfigfsTree, ours: DesiredTarget[]): Promise<Json> => {
  const { root } = tree;
  const others = folders(root).filter(
    (fabric) => !['core', 'iscsi'].includes(fabric) && folders(root, fabric).some((name) => name !== 'discovery_auth'),
  );
  if (others.length > 0) throw new CannotSave(`There are targets of the fabric ${others[0]}.`);
  const [disks, iqns] = [new Map(ours.map((one) => [one.backstore, one])), new Set(ours.map(({ iqn }) => iqn))];
  const storage_objects: Json[] = [...disks.values()].map(ourDevice);
  const targets: Json[] = ours.map(ourTarget);
  const core = join(root, 'core');
  for (const hba of folders(core).filter((folder) => folder !== 'alua'))
    for (const name of folders(core, hba))
      if (!hba.startsWith('fileio_') || !disks.has(name)) storage_objects.push(foreignDevice(hba, name, core));
  for (const [at, wwn] of tree.targetNames().entries()) {
    if (!iqns.has(wwn)) targets.push(foreignTarget(root, wwn));
    if (at % AT_ONCE === 0) await turn();
  }
  return { fabric_modules: fabrics(root), storage_objects, targets };
};

/** Keys in order and two blanks, as rtslib writes it: so that a person can compare two of them. */
export const savedText = (tree: Json): string => `${JSON.stringify(sorted(tree), null, 2)}\n`;
const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
};

import { labAddresses } from '#embedded';

/** A target that is there as wished, and what else a hand needs to change it. */
export interface ToDrift {
  iqn: string;
  initiator_iqn: string;
  /** Its disk's id, serial and image file in the lab. */
  disk: string;
  file: string;
  size: number;
  /** An image file of its own that no backstore shows. */
  spare: string;
  /** A fileio backstore that somebody else made. */
  theirs: string;
  /** Of its own among all targets. */
  number: number;
}

/** One manual change: lines for targetcli, then lines for a shell in `/sys/kernel/config/target`. */
export interface DriftKind {
  name: string;
  readOnly?: boolean;
  targetcli?: (target: ToDrift) => string[];
  shell?: (target: ToDrift) => string[];
  /** What is reported, as `kind what`, sorted. */
  drift: string[];
}

/** No report may hold it. */
export const SECRET = 'said-by-nobody';

const tpg = ({ iqn }: ToDrift): string => `/iscsi/${iqn}/tpg1`;
const acl = (target: ToDrift): string => `${tpg(target)}/acls/${target.initiator_iqn}`;
const backstore = ({ disk }: ToDrift): string => `spindle-${disk}`;
const tpgFolder = ({ iqn }: ToDrift): string => `iscsi/${iqn}/tpgt_1`;
const aclFolder = (target: ToDrift): string => `${tpgFolder(target)}/acls/${target.initiator_iqn}`;
const backstoreFolder = (target: ToDrift): string => `core/fileio_*/${backstore(target)}`;
const another = ({ iqn, number }: ToDrift): string => `${iqn.split(':')[0]}:m-by-hand-${number}`;

/** The shell does not find a folder by a pattern when it is to write. */
const write = (value: string, folder: (target: ToDrift) => string, file: string) => (target: ToDrift) => [
  `echo '${value}' >$(echo ${folder(target)})/${file}`,
];
const writeAll = (values: Record<string, string>, folder: (target: ToDrift) => string) => (target: ToDrift) =>
  Object.entries(values).flatMap(([file, value]) => write(value, folder, file)(target));
const withoutBackstore = (target: ToDrift): string[] => [`${tpg(target)}/luns delete 0`, `/backstores/fileio delete ${backstore(target)}`];
const shownAgain = (target: ToDrift, plugin = 'fileio', name = backstore(target)): string[] => [
  `${tpg(target)}/luns create /backstores/${plugin}/${name} lun=0 add_mapped_luns=false`,
  `${acl(target)} create mapped_lun=0 tpg_lun_or_backstore=0`,
];
const remade = (options: (target: ToDrift) => string) => (target: ToDrift) => [
  ...withoutBackstore(target),
  `/backstores/fileio create name=${backstore(target)} ${options(target)}`,
  ...shownAgain(target),
];

const unmapped = (target: ToDrift): string[] => [`find ${aclFolder(target)}/lun_0 -type l -delete`, `rmdir ${aclFolder(target)}/lun_0`];
const mapped = (target: ToDrift, lun: number): string[] => [
  `mkdir ${aclFolder(target)}/lun_${lun}`,
  `ln -s $PWD/${tpgFolder(target)}/lun/lun_0 ${aclFolder(target)}/lun_${lun}/by-hand`,
];

/** Manual changes of a target that Spindle made: each is permitted by the kernel of the storage lab. */
export const DRIFT_KINDS: DriftKind[] = [
  // the target and its TPG
  { name: 'a target that is disabled', shell: write('0', tpgFolder, 'enable'), drift: ['different enabled'] },
  { name: 'a target that is deleted', targetcli: ({ iqn }) => [`/iscsi delete ${iqn}`], drift: ['missing target'] },
  {
    name: 'a target that is made again by hand',
    targetcli: ({ iqn }) => [`/iscsi delete ${iqn}`, `/iscsi create ${iqn}`],
    drift: ['different attribute demo_mode_discovery', 'missing acl', 'missing lun', 'missing portal'],
  },
  { name: 'a TPG that is deleted', targetcli: ({ iqn }) => [`/iscsi/${iqn} delete tag=1`], drift: ['missing tpg'] },
  { name: 'a second TPG', targetcli: ({ iqn }) => [`/iscsi/${iqn} create tag=2`], drift: ['extra tpg'] },

  // who gets in
  {
    name: 'a target that asks for a secret',
    shell: write('1', tpgFolder, 'attrib/authentication'),
    drift: ['different attribute authentication', 'different parameter AuthMethod'],
  },
  {
    name: 'a target that lets everybody in',
    shell: write('1', tpgFolder, 'attrib/generate_node_acls'),
    drift: ['different attribute cache_dynamic_acls', 'different attribute generate_node_acls'],
  },
  {
    name: 'a target that strangers discover',
    shell: write('1', tpgFolder, 'attrib/demo_mode_discovery'),
    drift: ['different attribute demo_mode_discovery'],
  },
  {
    name: 'a target that nobody discovers',
    shell: write('0', tpgFolder, 'attrib/tpg_enabled_sendtargets'),
    drift: ['different attribute tpg_enabled_sendtargets'],
  },
  {
    name: 'a target that strangers write',
    shell: write('0', tpgFolder, 'attrib/demo_mode_write_protect'),
    drift: ['different attribute demo_mode_write_protect'],
  },
  {
    name: 'a target whose machine cannot write',
    shell: write('1', tpgFolder, 'attrib/prod_mode_write_protect'),
    drift: ['different attribute prod_mode_write_protect'],
  },
  {
    name: 'no login without CHAP',
    shell: write('CHAP', tpgFolder, 'param/AuthMethod'),
    drift: ['different parameter AuthMethod'],
  },

  // what a login agrees on
  {
    name: 'no checksums',
    shell: writeAll({ 'param/HeaderDigest': 'None', 'param/DataDigest': 'None' }, tpgFolder),
    drift: ['different parameter DataDigest', 'different parameter HeaderDigest'],
  },
  {
    name: 'other rules for logins',
    shell: writeAll({ 'attrib/login_timeout': '30', 'attrib/login_keys_workaround': '0' }, tpgFolder),
    drift: ['different attribute login_keys_workaround', 'different attribute login_timeout'],
  },
  {
    name: 'another queue depth for new ACLs',
    shell: write('8', tpgFolder, 'attrib/default_cmdsn_depth'),
    drift: ['different attribute default_cmdsn_depth'],
  },

  // portals
  {
    name: 'another portal',
    shell: (target) => [`mkdir ${tpgFolder(target)}/np/${labAddresses.portal}:3999`],
    drift: ['extra portal'],
  },
  {
    name: 'a portal that is deleted',
    shell: (target) => [`rmdir ${tpgFolder(target)}/np/${labAddresses.portal}:3260`],
    drift: ['missing portal'],
  },
  {
    name: 'a portal on another address',
    targetcli: (target) => [`${tpg(target)}/portals delete ${labAddresses.portal} 3260`, `${tpg(target)}/portals create 127.0.0.1 3260`],
    drift: ['extra portal', 'missing portal'],
  },

  // ACLs
  {
    name: 'an ACL for another machine',
    targetcli: (target) => [`${tpg(target)}/acls create ${another(target)}`],
    drift: ['extra acl'],
  },
  {
    name: 'an ACL that is deleted',
    targetcli: (target) => [`${tpg(target)}/acls delete ${target.initiator_iqn}`],
    drift: ['missing acl'],
  },
  {
    name: 'an ACL that is given to another machine',
    targetcli: (target) => [`${tpg(target)}/acls delete ${target.initiator_iqn}`, `${tpg(target)}/acls create ${another(target)}`],
    drift: ['extra acl', 'missing acl'],
  },
  {
    name: 'an ACL that asks for a secret',
    shell: write('1', aclFolder, 'attrib/authentication'),
    drift: ['different acl attribute authentication'],
  },
  {
    name: 'an ACL without NOPs',
    shell: write('0', aclFolder, 'attrib/nopin_timeout'),
    drift: ['different acl attribute nopin_timeout'],
  },
  {
    name: 'an ACL with CHAP secrets both ways',
    targetcli: (target) => [`${acl(target)} set auth userid=by-hand password=${SECRET} mutual_userid=by-hand mutual_password=${SECRET}-2`],
    drift: ['extra acl secret', 'extra acl secret'],
  },
  {
    name: 'an ACL with a tag, and with a mapping deleted',
    targetcli: (target) => [`${acl(target)} delete mapped_lun=0`, `${tpg(target)}/acls tag ${target.initiator_iqn} by-hand`],
    drift: ['extra acl tag', 'missing mapped lun'],
  },
  { name: 'an ACL with another queue depth', shell: write('8', aclFolder, 'cmdsn_depth'), drift: ['different acl queue depth'] },

  // LUNs
  {
    name: 'a LUN that is deleted',
    targetcli: (target) => [`${tpg(target)}/luns delete 0`],
    drift: ['missing lun', 'missing mapped lun'],
  },
  {
    name: 'another LUN and its mapping',
    targetcli: (target) => [
      `${tpg(target)}/luns create /backstores/fileio/${target.theirs} lun=1 add_mapped_luns=false`,
      `${acl(target)} create mapped_lun=5 tpg_lun_or_backstore=1`,
    ],
    drift: ['extra lun', 'extra mapped lun'],
  },
  {
    name: 'a LUN of the same backstore',
    shell: (target) => [
      `mkdir ${tpgFolder(target)}/lun/lun_7`,
      `ln -s $PWD/${backstoreFolder(target)} ${tpgFolder(target)}/lun/lun_7/by-hand`,
    ],
    drift: ['extra lun'],
  },
  {
    name: 'a LUN that shows another backstore',
    targetcli: (target) => [`${tpg(target)}/luns delete 0`, ...shownAgain(target, 'fileio', target.theirs)],
    drift: ['extra lun', 'missing lun'],
  },
  {
    name: 'a LUN of another number',
    targetcli: (target) => [
      `${tpg(target)}/luns delete 0`,
      `${tpg(target)}/luns create /backstores/fileio/${backstore(target)} lun=7 add_mapped_luns=false`,
      `${acl(target)} create mapped_lun=7 tpg_lun_or_backstore=7`,
    ],
    drift: ['extra lun', 'extra mapped lun', 'missing lun', 'missing mapped lun'],
  },
  {
    name: 'a LUN that is offline',
    shell: write('1', tpgFolder, 'lun/lun_0/alua_tg_pt_offline'),
    drift: ['extra lun', 'missing lun'],
  },
  {
    name: 'a LUN in a group of ALUA that is unavailable',
    shell: (target) => [
      `cd ${backstoreFolder(target)}/alua`,
      // a group keeps its number, which is given once, until it is deleted
      '[ -d by-hand ] || { mkdir by-hand && echo 77 >by-hand/tg_pt_gp_id; }',
      'echo 3 >by-hand/alua_access_state',
      'cd ../../../..',
      `echo by-hand >${tpgFolder(target)}/lun/lun_0/alua_tg_pt_gp`,
    ],
    drift: ['extra lun', 'missing lun'],
  },

  // mapped LUNs
  { name: 'a mapping that is deleted', shell: unmapped, drift: ['missing mapped lun'] },
  {
    name: 'a second mapping',
    shell: (target) => mapped(target, 5),
    drift: ['extra mapped lun'],
  },
  {
    name: 'a mapping of another number',
    shell: (target) => [...unmapped(target), ...mapped(target, 5)],
    drift: ['extra mapped lun', 'missing mapped lun'],
  },
  {
    name: 'a mapping of another LUN',
    targetcli: (target) => [
      `${tpg(target)}/luns create /backstores/fileio/${target.theirs} lun=1 add_mapped_luns=false`,
      `${acl(target)} delete mapped_lun=0`,
      `${acl(target)} create mapped_lun=0 tpg_lun_or_backstore=1`,
    ],
    drift: ['extra lun', 'extra mapped lun', 'missing mapped lun'],
  },
  {
    name: 'a machine that must not write any more',
    shell: write('1', aclFolder, 'lun_0/write_protect'),
    drift: ['extra mapped lun', 'missing mapped lun'],
  },
  {
    name: 'a machine that may write a read-only image',
    readOnly: true,
    shell: write('0', aclFolder, 'lun_0/write_protect'),
    drift: ['extra mapped lun', 'missing mapped lun'],
  },

  // backstores
  {
    name: 'a backstore that is deleted under its LUN',
    targetcli: (target) => [`/backstores/fileio delete ${backstore(target)}`],
    drift: ['missing backstore', 'missing lun', 'missing mapped lun'],
  },
  {
    name: 'a backstore on another file',
    targetcli: remade(({ disk, spare }) => `file_or_dev=${spare} write_back=false wwn=${disk}`),
    drift: ['different backing file', 'different udev path'],
  },
  {
    name: 'a backstore with another serial',
    targetcli: remade(({ file }) => `file_or_dev=${file} write_back=false`),
    drift: ['different unit serial'],
  },
  {
    name: 'a backstore that writes back',
    targetcli: remade(({ file, disk }) => `file_or_dev=${file} write_back=true wwn=${disk}`),
    drift: ['different backstore attribute emulate_write_cache', 'different write mode'],
  },
  {
    name: 'a backstore of another size',
    targetcli: withoutBackstore,
    shell: (target) => {
      const folder = `core/fileio_${7_000 + target.number}/${backstore(target)}`;
      return [
        `mkdir -p ${folder}`,
        `echo fd_dev_name=${target.file},fd_dev_size=${target.size / 2} >${folder}/control`,
        `echo ${target.file} >${folder}/udev_path`,
        `echo 1 >${folder}/enable`,
        `echo ${target.disk} >${folder}/wwn/vpd_unit_serial`,
        `mkdir ${tpgFolder(target)}/lun/lun_0`,
        `ln -s $PWD/${folder} ${tpgFolder(target)}/lun/lun_0/by-hand`,
        ...mapped(target, 0),
      ];
    },
    drift: ['different size'],
  },
  {
    name: 'a backstore of another block size',
    targetcli: (target) => [
      `${tpg(target)}/luns delete 0`,
      `/backstores/fileio/${backstore(target)} set attribute block_size=4096`,
      ...shownAgain(target),
    ],
    drift: ['different backstore attribute block_size'],
  },
  {
    name: 'a RAM disk under the backstore’s name',
    targetcli: (target) => [
      ...withoutBackstore(target),
      `/backstores/ramdisk create name=${backstore(target)} size=${target.size}`,
      ...shownAgain(target, 'ramdisk'),
    ],
    drift: ['extra lun', 'missing backstore', 'missing lun'],
  },
  {
    name: 'a backstore with another path beside it',
    shell: (target) => write(target.spare, backstoreFolder, 'udev_path')(target),
    drift: ['different udev path'],
  },
  {
    name: 'a disk that speaks of a write cache',
    shell: write('1', backstoreFolder, 'attrib/emulate_write_cache'),
    drift: ['different backstore attribute emulate_write_cache'],
  },
  {
    name: 'a disk that can be unmapped',
    shell: writeAll({ 'attrib/emulate_tpu': '1', 'attrib/emulate_tpws': '1' }, backstoreFolder),
    drift: ['different backstore attribute emulate_tpu', 'different backstore attribute emulate_tpws'],
  },
  {
    name: 'a disk that knows fewer commands',
    shell: writeAll({ 'attrib/emulate_pr': '0', 'attrib/emulate_caw': '0', 'attrib/emulate_3pc': '0' }, backstoreFolder),
    drift: [
      'different backstore attribute emulate_3pc',
      'different backstore attribute emulate_caw',
      'different backstore attribute emulate_pr',
    ],
  },
  {
    name: 'a disk that ALUA makes unavailable',
    shell: write('3', backstoreFolder, 'alua/default_tg_pt_gp/alua_access_state'),
    drift: ['different access state'],
  },
];

import type { SpindleForTests } from '../harness/spindle-for-tests';
import type { SettledTarget } from './strike';

const PORTAL_ADDRESS = '10.0.2.15';
const CONFIGFS = '/sys/kernel/config/target';

/** A script for the storage lab's shell. */
type Edit = (target: SettledTarget) => string;

const targetcli = (...lines: string[]): string => `export HOME=/run/home TARGETCLI_HOME=/run/admin; mkdir -p $TARGETCLI_HOME
targetcli <<'END'
${['set global auto_save_on_exit=false', ...lines].join('\n')}
END`;

const tpg = ({ iqn }: SettledTarget): string => `/iscsi/${iqn}/tpg1`;
const acl = (target: SettledTarget): string => `${tpg(target)}/acls/${target.initiator_iqn}`;

/** The kernel lets one backstore be two LUNs of a TPG; targetcli does not (ui_target.py, `ui_command_create` of LUNs). */
const secondLun = ({ iqn, disk_id }: SettledTarget): string =>
  `cd ${CONFIGFS}/iscsi/${iqn}/tpgt_1/lun && mkdir lun_7 && ln -s ${CONFIGFS}/core/fileio_*/spindle-${disk_id} lun_7/second`;

/** What an administrator may do behind Spindle's back, by the step with which the executor mends it. */
export const EDITS = {
  'delete-tpg': ({ iqn }) => targetcli(`/iscsi/${iqn} create tag=2`),
  'delete-portal': (target) => targetcli(`${tpg(target)}/portals create ${PORTAL_ADDRESS} 3999`),
  'delete-acl': (target) => targetcli(`${tpg(target)}/acls create ${target.iqn.split(':')[0]}:m-intruder add_mapped_luns=false`),
  'delete-lun': secondLun,
  'unmap-lun': (target) => `${secondLun(target)}\n${targetcli(`${acl(target)} create mapped_lun=7 tpg_lun_or_backstore=7`)}`,
  'set-acl-attributes': ({ iqn, initiator_iqn }) => `echo 1 >${CONFIGFS}/iscsi/${iqn}/tpgt_1/acls/${initiator_iqn}/attrib/authentication`,
  // to what it is not
  'set-tpg-parameters': ({ iqn, chap }) => `echo ${chap ? 'CHAP,None' : 'CHAP'} >${CONFIGFS}/iscsi/${iqn}/tpgt_1/param/AuthMethod`,
  'set-access-state': ({ disk_id }) =>
    `echo 2 >$(echo ${CONFIGFS}/core/fileio_*/spindle-${disk_id})/alua/default_tg_pt_gp/alua_access_state`,
  'untag-acl': ({ iqn, initiator_iqn }) => `echo by-hand >${CONFIGFS}/iscsi/${iqn}/tpgt_1/acls/${initiator_iqn}/tag`,
  'clear-acl-secrets': ({ iqn, initiator_iqn }) => `echo by-hand >${CONFIGFS}/iscsi/${iqn}/tpgt_1/acls/${initiator_iqn}/auth/userid`,
} satisfies Record<string, Edit>;

export type EditName = keyof typeof EDITS;

export const editByHand = async (spindle: SpindleForTests, name: EditName, target: SettledTarget): Promise<void> => {
  await spindle.lab.exec(EDITS[name](target));
};

import type { Step } from '../plan-target';
import { backstoreToken, iqnToken, portalToken, token, valueToken } from './target-names';
import type { Values } from './wished-values';

/** Every line that is ever written to targetcli. Pure; each part of a line passes the allow-list, and is refused rather than escaped. */

const backstorePath = (name: string): string => `/backstores/fileio/${backstoreToken(name)}`;
const tpgPath = (iqn: string): string => `/iscsi/${iqnToken(iqn)}/tpg1`;
const aclPath = (iqn: string, initiatorIqn: string): string => `${tpgPath(iqn)}/acls/${iqnToken(initiatorIqn)}`;
const assignments = (values: Values): string =>
  Object.entries(values)
    .map(([name, value]) => `${token(name)}=${valueToken(value)}`)
    .join(' ');

/** CHAP's files by the names that targetcli has for them. */
const AUTH_OPTIONS: Record<string, string[]> = { userid: ['userid', 'password'], userid_mutual: ['mutual_userid', 'mutual_password'] };

/**
 * The lines of a step, mostly one. None where the step does not go through targetcli: secrets would be printed and logged by it.
 * @throws UnsafeName
 */
export const linesOf = (step: Step): string[] => {
  switch (step.step) {
    // written through: with `write_back` the page cache would answer for writes that a power cut loses; without a size, since targetcli takes
    // an existing file's own
    case 'create-backstore':
      return [
        `/backstores/fileio create name=${backstoreToken(step.backstore)} file_or_dev=${token(step.file)} write_back=false wwn=${token(step.serial)}`,
      ];
    case 'set-backstore-attributes':
      return [`${backstorePath(step.backstore)} set attribute ${assignments(step.attributes)}`];
    case 'set-access-state':
      return [`${backstorePath(step.backstore)}/alua/default_tg_pt_gp set alua alua_access_state=${token(step.state)}`];
    case 'create-target':
      return [`/iscsi create wwn=${iqnToken(step.iqn)}`];
    case 'set-tpg-attributes':
      return [`${tpgPath(step.iqn)} set attribute ${assignments(step.attributes)}`];
    case 'set-tpg-parameters':
      return [`${tpgPath(step.iqn)} set parameter ${assignments(step.parameters)}`];
    // without mapping it into ACLs, which targetcli would do by itself and under numbers of its own choice
    case 'create-lun':
      return [
        `${tpgPath(step.iqn)}/luns create storage_object=${backstorePath(step.backstore)} lun=${token(step.lun)} add_mapped_luns=false`,
      ];
    case 'create-acl':
      return [`${tpgPath(step.iqn)}/acls create wwn=${iqnToken(step.initiatorIqn)} add_mapped_luns=false`];
    case 'untag-acl':
      return [`${tpgPath(step.iqn)}/acls untag ${iqnToken(step.initiatorIqn)}`];
    // one a line: an empty value would take the word after it for its own (configshell_fb/shell.py)
    case 'clear-acl-secrets':
      return step.secrets
        .flatMap((name) => AUTH_OPTIONS[name]!)
        .map((option) => `${aclPath(step.iqn, step.initiatorIqn)} set auth ${option}=`);
    case 'set-acl-secrets':
      return [];
    case 'set-acl-attributes':
      return [`${aclPath(step.iqn, step.initiatorIqn)} set attribute ${assignments(step.attributes)}`];
    // `write_protect` as a number: the word `true` is silently taken for read-write (rtslib_fb/target.py, MappedLUN)
    case 'map-lun':
      return [
        `${aclPath(step.iqn, step.initiatorIqn)} create mapped_lun=${token(step.lun)} tpg_lun_or_backstore=${token(step.tpgLun)} write_protect=${step.readOnly ? 1 : 0}`,
      ];
    case 'create-portal': {
      const { address, port } = portalToken(step.portal);
      return [`${tpgPath(step.iqn)}/portals create ip_address=${token(address)} ip_port=${token(port)}`];
    }
    case 'enable-tpg':
      return [`${tpgPath(step.iqn)} enable`];
    case 'disable-tpg':
      return [`${tpgPath(step.iqn)} disable`];
    case 'unmap-lun':
      return [`${aclPath(step.iqn, step.initiatorIqn)} delete mapped_lun=${token(step.lun)}`];
    case 'delete-acl':
      return [`${tpgPath(step.iqn)}/acls delete wwn=${token(step.initiatorIqn)}`];
    case 'delete-lun':
      return [`${tpgPath(step.iqn)}/luns delete lun=${token(step.lun)}`];
    case 'delete-portal':
      return [`${tpgPath(step.iqn)}/portals delete ip_address=${token(step.portal.address)} ip_port=${token(step.portal.port)}`];
    case 'delete-tpg':
      return [`/iscsi/${iqnToken(step.iqn)} delete tag=${token(step.tag)}`];
    case 'delete-target':
      return [`/iscsi delete wwn=${iqnToken(step.iqn)}`];
    case 'delete-unused-backstore':
      return [`/backstores/fileio delete name=${backstoreToken(step.backstore)}`];
  }
};

/** Has it read all targets again. */
export const REFRESH_TARGETS = '/iscsi refresh';

/** No other file: 2.1.53 sets the mode of the folder to 0600, whichever it is. */
export const saveLine = (file: string): string => `/ saveconfig savefile=${token(file)}`;

/** Deleting what is gone is done. */
export const isDoneWhenGone = ({ step }: Step): boolean => step === 'disable-tpg' || step === 'unmap-lun' || step.startsWith('delete-');

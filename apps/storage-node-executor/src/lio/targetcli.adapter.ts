import { Refused, type Portal, type TargetWish } from '#contracts';
import { crashPoint } from '#runtime';
import type { NodeLease } from '../node-lease';
import { planAbsent, planPresent, undoSteps, type PlannedStep, type Step } from '../plan-target';
import type { ChapCredentials } from './chap-credentials';
import type { ConfigfsTree } from './configfs';
import { TargetCLIError } from './targetcli-errors';
import type { TargetcliLease } from './targetcli-lease';
import { backstoreToken, iqnToken, machineNames, portalToken, token, valueToken } from './target-names';
import { desiredTarget, type NodeFacts, type Seen, type SeenTarget } from './target-state';

/** What the caller has to say between look and run, when the lock is held and nobody else changes what was seen. */
export interface ChangeHooks {
  /** Throws when what is seen must not be touched. */
  check?: (seen: Seen) => void;
  /** Called before the first step. */
  begin?: (seen: Seen) => void;
}

/** What a change came to. It throws instead when the kernel does not show what was asked. */
export interface Change {
  /** Steps that were run; 0 when everything was as asked, and then no targetcli was started. */
  steps: number;
}

/** A change that failed: at which step and why, and whether the kernel shows again what it showed before. */
export class ChangeFailed extends Error {
  constructor(
    readonly fault: TargetCLIError,
    /** False: neither the state before nor a clean node could be established. */
    readonly undone: boolean,
    undoFault?: unknown,
  ) {
    super(fault.message, { cause: undoFault ?? fault });
    this.name = 'ChangeFailed';
  }
}

export interface AdapterSettings extends NodeFacts {
  targetPrefix: string;
  savedConfigFile: string;
}

/** Parts of a line that name the parts of LIO's tree, each through the allow-list. */
const backstorePath = (name: string): string => `/backstores/fileio/${backstoreToken(name)}`;
const tpgPath = (iqn: string): string => `/iscsi/${iqnToken(iqn)}/tpg1`;
const aclPath = (iqn: string, initiatorIqn: string): string => `${tpgPath(iqn)}/acls/${iqnToken(initiatorIqn)}`;
const assignments = (values: Record<string, string>): string =>
  Object.entries(values)
    .map(([name, value]) => `${token(name)}=${valueToken(value)}`)
    .join(' ');

/**
 * Changes LIO through targetcli, one line per change, and reads the outcome back from configfs.
 * What targetcli answers is never taken for the outcome: it ends with 0 after errors, and kernel state outlives it when it dies.
 * Every method that changes something throws `TargetCLIError` with a code of the closed list, and `Refused` NODE_BUSY or
 * NODE_WEDGED when nothing could be begun. One caller at a time: see node-queue.ts.
 */
export class TargetcliAdapter {
  constructor(
    private readonly nodeLease: NodeLease,
    private readonly lease: TargetcliLease,
    readonly tree: ConfigfsTree,
    readonly settings: AdapterSettings,
  ) {}

  /**
   * Makes a backstore of an existing file, written through: with `write_back` the page cache of the node would answer for writes
   * that a power cut loses. Without a size, since targetcli takes an existing file's own; it would create a missing file, so the
   * caller has looked at it (open-image.ts).
   */
  async createFileioBackstore(name: string, file: string, serial: string): Promise<void> {
    const step = 'create-backstore';
    try {
      await this.run(
        step,
        `/backstores/fileio create name=${backstoreToken(name)} file_or_dev=${token(file)} write_back=false wwn=${token(serial)}`,
      );
    } catch (error) {
      throw error instanceof TargetCLIError ? this.explainFile(error, file) : error;
    }
  }

  /** Only before a LUN shows the backstore: the kernel refuses most attributes afterwards (target_core_configfs.c, `export_count`). */
  async setBackstoreAttributes(name: string, attributes: Record<string, string>): Promise<void> {
    await this.run('set-backstore-attributes', `${backstorePath(name)} set attribute ${assignments(attributes)}`);
  }

  /** Makes a target with a TPG that is disabled and has no portal: the preferences of targetcli-prefs.ts see to it. */
  async createIscsiTarget(iqn: string): Promise<void> {
    await this.run('create-target', `/iscsi create wwn=${iqnToken(iqn)}`);
  }

  async setTpgAttributes(iqn: string, attributes: Record<string, string>): Promise<void> {
    await this.run('set-tpg-attributes', `${tpgPath(iqn)} set attribute ${assignments(attributes)}`);
  }

  /** Without mapping it into ACLs, which targetcli would do by itself and under numbers of its own choice. */
  async createLun(iqn: string, lun: number, backstore: string): Promise<void> {
    await this.run(
      'create-lun',
      `${tpgPath(iqn)}/luns create storage_object=${backstorePath(backstore)} lun=${token(lun)} add_mapped_luns=false`,
    );
  }

  /** Admits one initiator, to no LUN yet. */
  async createAcl(iqn: string, initiatorIqn: string): Promise<void> {
    await this.run('create-acl', `${tpgPath(iqn)}/acls create wwn=${iqnToken(initiatorIqn)} add_mapped_luns=false`);
  }

  /** `write_protect` as a number: the word `true` is silently taken for read-write (rtslib_fb/target.py, MappedLUN). */
  async mapLun(iqn: string, initiatorIqn: string, lun: number, tpgLun: number, readOnly: boolean): Promise<void> {
    await this.run(
      'map-lun',
      `${aclPath(iqn, initiatorIqn)} create mapped_lun=${token(lun)} tpg_lun_or_backstore=${token(tpgLun)} write_protect=${readOnly ? 1 : 0}`,
    );
  }

  /**
   * Listens on one address. The TPG is still disabled, so nobody is answered yet. An address that the node does not have is
   * accepted (iscsi_target_login.c sets IP_FREEBIND).
   */
  async createTargetPortal(iqn: string, portal: Portal): Promise<void> {
    const { address, port } = portalToken(portal);
    await this.run('create-portal', `${tpgPath(iqn)}/portals create ip_address=${token(address)} ip_port=${token(port)}`);
  }

  /** Opens the target: the last step of all. */
  async enableTargetPortal(iqn: string): Promise<void> {
    await this.run('enable-tpg', `${tpgPath(iqn)} enable`);
  }

  /** Makes the target of a wish, or mends it: what is there already is kept. @throws ChangeFailed */
  async createCompleteTarget(wish: TargetWish, hooks: ChangeHooks = {}): Promise<Change> {
    const desired = desiredTarget(wish, this.settings);
    return this.change(desired.iqn, desired.backstore, (seen) => planPresent(desired, seen), hooks);
  }

  /** Deletes a target, and its backstore unless another LUN shows it; the image file stays. @throws ChangeFailed */
  async deleteTarget(iqn: string, backstore: string | null, hooks: ChangeHooks = {}): Promise<Change> {
    return this.change(iqn, backstore, (seen) => planAbsent({ iqn, backstore: backstore ?? '' }, seen), hooks);
  }

  /** `createCompleteTarget` under the names that a machine has by its id: target `<prefix>:<id>`, initiator `<prefix>:m-<id>`. */
  async createTargetForMachine(machineId: string, disk: TargetWish['disk'], lun = 0): Promise<Change> {
    const { iqn, initiatorIqn } = machineNames(this.settings.targetPrefix, machineId);
    return this.createCompleteTarget({
      target_id: disk.disk_id,
      generation: 1,
      state: 'present',
      iqn,
      initiator_iqn: initiatorIqn,
      lun,
      disk,
      if_idle: false,
      confirmed: false,
      chap: null,
    });
  }

  async deleteTargetForMachine(machineId: string): Promise<Change> {
    const { iqn } = machineNames(this.settings.targetPrefix, machineId);
    const backstore = this.tree.target(iqn)?.luns[0]?.backstore ?? null;
    return this.deleteTarget(iqn, backstore);
  }

  /** All targets of the node, whoever made them. */
  listTargets(): SeenTarget[] {
    return this.tree.targetNames().flatMap((iqn) => this.tree.target(iqn) ?? []);
  }

  /** The live state, read past targetcli: it needs no lock and waits for nothing. */
  getTargetStatus(iqn: string, backstore: string | null): Seen {
    return this.tree.see(iqn, backstore);
  }

  /**
   * Has targetcli write the distribution's own file, and no other: 2.1.53 sets the mode of the folder to 0600, whichever it is.
   * It writes what the kernel shows, not what is wished: see save-config.ts for when that is right.
   */
  async saveConfig(): Promise<void> {
    await this.run('save-config', `/ saveconfig savefile=${token(this.settings.savedConfigFile)}`);
  }

  /** More is to come: a process that runs is kept until `rest`. */
  stay(): void {
    this.lease.stay();
  }

  rest(): void {
    this.lease.rest();
  }

  /** Runs one step of a plan. */
  async perform(step: Step): Promise<void> {
    switch (step.step) {
      case 'create-backstore':
        return this.createFileioBackstore(step.backstore, step.file, step.serial);
      case 'set-backstore-attributes':
        return this.setBackstoreAttributes(step.backstore, step.attributes);
      case 'set-access-state':
        return this.run(
          step.step,
          `${backstorePath(step.backstore)}/alua/default_tg_pt_gp set alua alua_access_state=${token(step.state)}`,
        );
      case 'create-target':
        return this.createIscsiTarget(step.iqn);
      case 'set-tpg-attributes':
        return this.setTpgAttributes(step.iqn, step.attributes);
      case 'set-tpg-parameters':
        return this.run(step.step, `${tpgPath(step.iqn)} set parameter ${assignments(step.parameters)}`);
      case 'create-lun':
        return this.createLun(step.iqn, step.lun, step.backstore);
      case 'create-acl':
        return this.createAcl(step.iqn, step.initiatorIqn);
      case 'untag-acl':
        return this.run(step.step, `${tpgPath(step.iqn)}/acls untag ${iqnToken(step.initiatorIqn)}`);
      case 'clear-acl-secrets':
        return this.clearAclSecrets(step.iqn, step.initiatorIqn, step.secrets);
      case 'set-acl-secrets':
        return this.setAclSecrets(step.iqn, step.initiatorIqn, step.chap);
      case 'set-acl-attributes':
        return this.run(step.step, `${aclPath(step.iqn, step.initiatorIqn)} set attribute ${assignments(step.attributes)}`);
      case 'map-lun':
        return this.mapLun(step.iqn, step.initiatorIqn, step.lun, step.tpgLun, step.readOnly);
      case 'create-portal':
        return this.createTargetPortal(step.iqn, step.portal);
      case 'enable-tpg':
        return this.enableTargetPortal(step.iqn);
      case 'disable-tpg':
        return this.unlessMissing(step.step, `${tpgPath(step.iqn)} disable`);
      case 'unmap-lun':
        return this.unlessMissing(step.step, `${aclPath(step.iqn, step.initiatorIqn)} delete mapped_lun=${token(step.lun)}`);
      case 'delete-acl':
        return this.unlessMissing(step.step, `${tpgPath(step.iqn)}/acls delete wwn=${token(step.initiatorIqn)}`);
      case 'delete-lun':
        return this.unlessMissing(step.step, `${tpgPath(step.iqn)}/luns delete lun=${token(step.lun)}`);
      case 'delete-portal':
        return this.unlessMissing(
          step.step,
          `${tpgPath(step.iqn)}/portals delete ip_address=${token(step.portal.address)} ip_port=${token(step.portal.port)}`,
        );
      case 'delete-tpg':
        return this.unlessMissing(step.step, `/iscsi/${iqnToken(step.iqn)} delete tag=${token(step.tag)}`);
      case 'delete-target':
        return this.unlessMissing(step.step, `/iscsi delete wwn=${iqnToken(step.iqn)}`);
      case 'delete-unused-backstore':
        return this.deleteUnusedBackstore(step.backstore);
    }
  }

  /**
   * rtslib deletes a backstore together with every LUN on it, sessions or not (rtslib_fb/tcm.py, `delete`): so the kernel's own
   * count of LUNs is asked first.
   */
  private async deleteUnusedBackstore(name: string): Promise<void> {
    if (this.tree.isExported(name)) return;
    await this.unlessMissing('delete-unused-backstore', `/backstores/fileio delete name=${backstoreToken(name)}`);
  }

  /** One a line: an empty value would take the word after it for its own (configshell_fb/shell.py). */
  private async clearAclSecrets(iqn: string, initiatorIqn: string, secrets: string[]): Promise<void> {
    const options = secrets.flatMap((name) => (name === 'userid' ? ['userid', 'password'] : ['mutual_userid', 'mutual_password']));
    for (const option of options) await this.run('clear-acl-secrets', `${aclPath(iqn, initiatorIqn)} set auth ${option}=`);
  }

  /** Past targetcli: see `writeChap`. What the kernel says of it has no secret in it: a code and a path. */
  private async setAclSecrets(iqn: string, initiatorIqn: string, chap: ChapCredentials): Promise<void> {
    await this.lease.acquire(); // nobody else's targetcli reads half of them
    try {
      this.tree.writeChap(iqn, initiatorIqn, chap);
    } catch (error) {
      throw new TargetCLIError('rejected', 'set-acl-secrets', (error as NodeJS.ErrnoException).code ?? 'unknown');
    }
  }

  /** Deleting what is gone is done. */
  private async unlessMissing(step: string, line: string): Promise<void> {
    await this.run(step, line).catch((error: unknown) => {
      if (!(error instanceof TargetCLIError) || error.kind !== 'not-found') throw error;
    });
  }

  private async run(step: string, line: string): Promise<void> {
    await this.lease.run(line, step);
  }

  /** look -> plan -> run -> read back; at the first error what was begun is undone, and that is read back too. */
  private async change(iqn: string, backstore: string | null, plan: (seen: Seen) => PlannedStep[], hooks: ChangeHooks): Promise<Change> {
    const look = () => this.tree.see(iqn, backstore);
    if (plan(look()).length === 0) return { steps: 0 };
    try {
      await this.lease.acquire().catch((error: unknown) => {
        throw error instanceof TargetCLIError ? new ChangeFailed(error, true) : error;
      });
      this.nodeLease.mustHold(); // the wait for the lock may have been long
      // once more, now that no other targetcli can change it
      const before = look();
      crashPoint('executor.observed');
      hooks.check?.(before);
      hooks.begin?.(before);
      return await this.runPlan(plan(before), before, look, () => plan(look()));
    } finally {
      this.lease.rest();
    }
  }

  private async runPlan(planned: PlannedStep[], before: Seen, look: () => Seen, left: () => PlannedStep[]): Promise<Change> {
    const begun: PlannedStep[] = [];
    try {
      for (const next of planned) {
        begun.push(next);
        await this.perform(next.do);
        crashPoint(`executor.${next.do.step}`);
      }
      const missing = left().map((step) => step.do.step);
      if (missing.length > 0) throw new TargetCLIError('no-effect', 'read-back', `still to do: ${missing.join(', ')}`);
      crashPoint('executor.read-back');
      return { steps: planned.length };
    } catch (error) {
      const fault = asFault(error, begun.at(-1)?.do.step ?? 'read-back');
      // what exists already under the name was made by somebody else: it is not ours to delete
      if (fault.kind === 'exists') begun.pop();
      // the next writer of the node finishes it, from its wish: to undo now would be to work against that one
      if (!this.nodeLease.held()) throw new ChangeFailed(fault, false);
      throw await this.takeBack(undoSteps(begun), before, look, fault);
    }
  }

  private async takeBack(undo: Step[], before: Seen, look: () => Seen, fault: TargetCLIError): Promise<ChangeFailed> {
    let undoFault: unknown;
    try {
      for (const step of undo) {
        await this.perform(step);
        crashPoint('executor.step-undone');
      }
    } catch (error) {
      undoFault = error;
    }
    const [then, now] = [before, look()].map((seen) => withoutForeign(seen, fault)) as [Seen, Seen];
    const clean = now.target === null && (now.backstore === null || now.backstore.exported);
    return new ChangeFailed(fault, clean || sameState(then, now), undoFault);
  }

  /** Which file it was: ours, or that of another backstore, which targetcli compares every new one with (`samefile`). */
  private explainFile(error: TargetCLIError, file: string): TargetCLIError {
    const inner = String(error.cause);
    const other = /storage object for \S+ already exists: (\S+)/.exec(inner)?.[1];
    if (other) return error.explained('FOREIGN_OBJECT', `The backstore ${other} holds the file.`);
    if (error.kind !== 'file' || !/\[Errno 2\]/.test(inner) || inner.includes(`'${file}'`)) return error;
    const lost = this.tree.backstoresWithoutFile();
    return lost.length === 0
      ? error
      : error.explained('BACKING_FILE_MISSING', `The backstore ${lost.join(', ')} has no file, so targetcli makes no other.`);
  }
}

/** Somebody else made an object of the same name while we were about to: it stays, and says nothing about our undoing. */
const withoutForeign = (seen: Seen, { kind, step }: TargetCLIError): Seen => ({
  target: kind === 'exists' && step === 'create-target' ? null : seen.target,
  backstore: kind === 'exists' && step === 'create-backstore' ? null : seen.backstore,
});

/** Sessions come and go by themselves. */
const sameState = (before: Seen, now: Seen): boolean => {
  const comparable = ({ target, backstore }: Seen) => JSON.stringify({ target: target && { ...target, sessions: [] }, backstore });
  return comparable(before) === comparable(now);
};

const asFault = (error: unknown, step: string): TargetCLIError => {
  if (error instanceof TargetCLIError) return error;
  if (error instanceof Refused) return new TargetCLIError('unknown', step, error.message, error.details.hint, error.code);
  return new TargetCLIError('unknown', step, error instanceof Error ? (error.stack ?? error.message) : String(error));
};

import { Refused, type Portal, type TargetWish } from '#contracts';
import { crashPoint } from '#runtime';
import type { NodeLease } from '../node-lease';
import { planAbsent, planPresent, undoSteps, type PlannedStep, type Step } from '../plan-target';
import type { ConfigfsTree } from './configfs';
import { ConfigfsEngine } from './configfs-engine';
import { TargetCLIError } from './targetcli-errors';
import type { TargetcliLease } from './targetcli-lease';
import { TargetcliEngine } from './targetcli-engine';
import { machineNames } from './target-names';
import { desiredTarget, type DesiredTarget, type NodeFacts, type Seen, type SeenTarget } from './target-state';
import type { Values } from './wished-values';

/** What the caller has to say between look and run, when the lock is held and nobody else changes what was seen. */
export interface ChangeHooks {
  /** Throws when what is seen must not be touched. */
  check?: (seen: Seen) => void;
  /** Called before the first step. */
  begin?: (seen: Seen) => void;
  /** The kernel has opened the image. Throws TargetCLIError when that may have been another file, before anybody can reach it. */
  opened?: () => void;
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

/**
 * Changes LIO step by step, through targetcli or by writing configfs, and reads the outcome back from configfs.
 * What targetcli answers is never taken for the outcome: it ends with 0 after errors, and kernel state outlives it when it dies.
 * Every method that changes something throws `TargetCLIError` with a code of the closed list, and `Refused` NODE_BUSY or
 * NODE_WEDGED when nothing could be begun. One caller at a time: see node-queue.ts.
 */
export class TargetcliAdapter {
  private readonly engine: TargetcliEngine | ConfigfsEngine;

  constructor(
    private readonly nodeLease: NodeLease,
    private readonly lease: TargetcliLease,
    readonly tree: ConfigfsTree,
    readonly settings: AdapterSettings,
  ) {
    this.engine = lease.engine === 'configfs' ? new ConfigfsEngine(lease, tree) : new TargetcliEngine(lease, tree);
  }

  /** Makes a backstore of an existing file; the caller has looked at it (inspect-image.ts), since targetcli would make a missing one. */
  createFileioBackstore(backstore: string, file: string, sizeBytes: number, serial: string): Promise<void> {
    return this.perform({ step: 'create-backstore', backstore, file, sizeBytes, serial });
  }

  /** Only before a LUN shows the backstore: the kernel refuses most attributes afterwards (target_core_configfs.c, `export_count`). */
  setBackstoreAttributes(backstore: string, attributes: Values): Promise<void> {
    return this.perform({ step: 'set-backstore-attributes', backstore, attributes });
  }

  /** Makes a target with a TPG that is disabled and has no portal: the preferences of targetcli-prefs.ts see to it. */
  createIscsiTarget(iqn: string): Promise<void> {
    return this.perform({ step: 'create-target', iqn });
  }

  setTpgAttributes(iqn: string, attributes: Values): Promise<void> {
    return this.perform({ step: 'set-tpg-attributes', iqn, attributes });
  }

  createLun(iqn: string, lun: number, backstore: string): Promise<void> {
    return this.perform({ step: 'create-lun', iqn, lun, backstore });
  }

  /** Admits one initiator, to no LUN yet. */
  createAcl(iqn: string, initiatorIqn: string): Promise<void> {
    return this.perform({ step: 'create-acl', iqn, initiatorIqn });
  }

  mapLun(iqn: string, initiatorIqn: string, lun: number, tpgLun: number, readOnly: boolean): Promise<void> {
    return this.perform({ step: 'map-lun', iqn, initiatorIqn, lun, tpgLun, readOnly });
  }

  /**
   * Listens on one address. The TPG is still disabled, so nobody is answered yet. An address that the node does not have is
   * accepted (iscsi_target_login.c sets IP_FREEBIND).
   */
  createTargetPortal(iqn: string, portal: Portal): Promise<void> {
    return this.perform({ step: 'create-portal', iqn, portal });
  }

  /** Opens the target: the last step of all. */
  enableTargetPortal(iqn: string): Promise<void> {
    return this.perform({ step: 'enable-tpg', iqn });
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
   * Has the distribution's own file written: what the kernel shows, not what is wished. See save-config.ts for when that is right.
   * @param ours what was seen to be as wished
   * @throws CannotSave, TargetCLIError, Refused
   */
  async saveConfig(ours: DesiredTarget[]): Promise<void> {
    await this.engine.saveConfig(this.settings.savedConfigFile, ours);
  }

  /** More is to come: a process that runs is kept until `rest`. */
  stay(): void {
    this.lease.stay();
  }

  rest(): void {
    this.lease.rest();
  }

  /** Runs one step of a plan. */
  perform(step: Step): Promise<void> {
    return this.engine.perform(step);
  }

  /** look -> plan -> run -> read back; at the first error what was begun is undone, and that is read back too. */
  private async change(iqn: string, backstore: string | null, plan: (seen: Seen) => PlannedStep[], hooks: ChangeHooks): Promise<Change> {
    const look = () => this.tree.see(iqn, backstore);
    // a start of targetcli is dear; with the lock in hand the look below is enough
    if (!this.lease.holds() && plan(look()).length === 0) return { steps: 0 };
    try {
      await this.lease.acquire().catch((error: unknown) => {
        throw error instanceof TargetCLIError ? new ChangeFailed(error, true) : error;
      });
      this.nodeLease.mustHold(); // the wait for the lock may have been long
      // once more, now that no other targetcli can change it
      const before = look();
      crashPoint('executor.observed');
      const planned = plan(before);
      if (planned.length === 0) return { steps: 0 };
      hooks.check?.(before);
      hooks.begin?.(before);
      return await this.runPlan(planned, before, look, () => plan(look()), hooks);
    } finally {
      this.lease.rest();
    }
  }

  private async runPlan(
    planned: PlannedStep[],
    before: Seen,
    look: () => Seen,
    left: () => PlannedStep[],
    { opened }: ChangeHooks,
  ): Promise<Change> {
    const begun: PlannedStep[] = [];
    try {
      for (const next of planned) {
        begun.push(next);
        await this.perform(next.do);
        if (next.do.step === 'create-backstore') opened?.();
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

import type { Step } from '../plan-target';
import type { ChapCredentials } from './chap-credentials';
import type { ConfigfsTree } from './configfs';
import { TargetCLIError } from './targetcli-errors';
import type { TargetcliLease } from './targetcli-lease';
import { REFRESH_TARGETS, isDoneWhenGone, linesOf, saveLine } from './targetcli-lines';

/** Does each step by lines for one long-lived targetcli: the distribution's own way, and the default. */
export class TargetcliEngine {
  /** Targets that are gone and that the running targetcli, the so-manyth, still shows. */
  private readonly stale = new Set<string>();
  private staleIn = 0;

  constructor(
    private readonly lease: TargetcliLease,
    private readonly tree: ConfigfsTree,
  ) {}

  /** @throws TargetCLIError, Refused */
  async perform(step: Step): Promise<void> {
    if (step.step === 'set-acl-secrets') return this.setAclSecrets(step.iqn, step.initiatorIqn, step.chap);
    // rtslib deletes a backstore together with every LUN on it, sessions or not (rtslib_fb/tcm.py, `delete`)
    if (step.step === 'delete-unused-backstore' && this.tree.isExported(step.backstore)) return;
    if (step.step === 'delete-target') return this.deleteTarget(step);
    if (step.step === 'create-target' && this.shownInVain().has(step.iqn)) await this.refresh(step);
    await this.runLines(step, linesOf(step));
  }

  /**
   * TPG by TPG, and then the empty folder without targetcli: after `/iscsi delete` it builds its tree of all targets anew, ten seconds with four
   * hundred of them, and after the deletion of a TPG that of one target (ui_target.py, `refresh`).
   */
  private async deleteTarget(step: Extract<Step, { step: 'delete-target' }>): Promise<void> {
    for (const tag of this.tree.tpgTags(step.iqn)) await this.runLines(step, linesOf({ step: 'delete-tpg', iqn: step.iqn, tag }));
    let isGone = false;
    await this.lease.act(step.step, () => void (isGone = this.tree.removeTargetFolder(step.iqn)));
    // made past targetcli since the process began: it does not know the path of a TPG, but finds the target by its name
    if (!isGone) return this.runLines(step, linesOf(step));
    this.shownInVain().add(step.iqn);
  }

  /** A new process has read what there is. */
  private shownInVain(): Set<string> {
    if (this.staleIn !== this.lease.started) this.stale.clear();
    this.staleIn = this.lease.started;
    return this.stale;
  }

  /** It makes no second node of a name that it still shows, and dies of it (configshell_fb/node.py, "already used by a sibling"). */
  private async refresh(step: Step): Promise<void> {
    await this.runLines(step, [REFRESH_TARGETS]);
    this.stale.clear();
  }

  private async runLines(step: Step, lines: string[]): Promise<void> {
    for (const line of lines) await this.lease.run(line, step.step).catch((error: unknown) => this.unlessDone(step, error));
  }

  async saveConfig(file: string): Promise<void> {
    await this.lease.run(saveLine(file), 'save-config');
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

  private unlessDone(step: Step, error: unknown): void {
    if (!(error instanceof TargetCLIError)) throw error;
    if (error.kind === 'not-found' && isDoneWhenGone(step)) return;
    throw step.step === 'create-backstore' ? this.explainFile(error, step.file) : error;
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

import { closeSync, fsyncSync, openSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { SaveState, TargetWish } from '#contracts';
import { counter, crashPoint, type Logger } from '#runtime';
import type { Journal } from './journal';
import { TargetCLIError } from './lio/targetcli-errors';
import type { TargetcliAdapter } from './lio/targetcli.adapter';
import { CannotSave, PLUGINS } from './lio/saved-tree';
import { desiredTarget, type DesiredTarget } from './lio/target-state';
import type { NodeLease } from './node-lease';
import type { Chore } from './node-queue';
import { planAbsent, planPresent } from './plan-target';
import { lostSince, parseSavedConfig, savedAsWished } from './saved-config';

/** A burst that does not end is saved in between. */
const MAX_UNSAVED_MS = 30_000;
const FIRST_RETRY_MS = 2_000;
const LAST_RETRY_MS = 300_000;
/** Targets looked at before other work gets a turn. */
const LOOK_AT_ONCE = 25;

const saves = counter('spindle_node_config_saves_total', 'Tries to save the configuration by what came of them', ['result']);
// Prometheus sees no increase in the first one of a series that was not there before
for (const result of ['saved', 'withheld', 'failed']) saves.inc({ result }, 0);

/** Saving would be wrong now, or did not come out right; `withheld` when nothing was written. */
class NotSaved extends Error {
  constructor(
    readonly state: 'withheld' | 'failed',
    message: string,
  ) {
    super(message);
  }
}

/**
 * Keeps the distribution's saved configuration up to date, so that its restore service brings the targets back after a reboot
 * before we do. targetcli writes what is live: after a boot with a disk missing, a save would make that loss permanent, so it is
 * withheld until the live state has everything that is wished and everything that the last saved file has.
 */
export class ConfigSaver implements Chore {
  private unsavedSince: number | null = null;
  private retryAt = 0;
  private triedAt = 0;
  private retryMs = FIRST_RETRY_MS;
  private timer: NodeJS.Timeout | undefined;
  state: SaveState = { state: 'none', at: null, message: null };

  constructor(
    private readonly nodeLease: NodeLease,
    private readonly adapter: TargetcliAdapter,
    private readonly journal: Journal,
    private readonly log: Pick<Logger, 'info' | 'warn'>,
    /** Called when `state` changed. */
    private readonly onChange: () => void = () => undefined,
  ) {}

  /** The kernel shows something else than before. */
  changed(): void {
    this.unsavedSince ??= Date.now();
    this.retryAt = 0;
    this.tell('pending', null);
  }

  /** A process before this one may have been killed between a change and its save. */
  lookAtStart(): void {
    const saved = parseSavedConfig(this.savedText());
    const stale = this.journal.live().some(({ wish }) => !saved || !savedAsWished(saved, wish, this.adapter.settings));
    if (stale || saved?.targets.some(({ wwn }) => this.journal.removedTarget(wwn))) this.changed();
    else if (saved) this.tell('saved', null, statSync(this.adapter.settings.savedConfigFile).mtime);
  }

  /** How long the oldest change waits for being saved. */
  unsavedMs(): number {
    return this.unsavedSince === null ? 0 : Date.now() - this.unsavedSince;
  }

  due(): boolean {
    return this.unsavedSince !== null && Date.now() >= this.retryAt && this.nodeLease.held();
  }

  overdue(): boolean {
    // a try that was withheld counts: after a reboot nothing can be saved until the last target is back
    const since = Math.max(this.unsavedSince ?? 0, this.triedAt);
    return this.due() && Date.now() - since > MAX_UNSAVED_MS && this.state.state === 'pending';
  }

  /** Saves and verifies; never throws. What did not come out right is tried again, ever more rarely. */
  async run(): Promise<void> {
    const began = performance.now();
    this.triedAt = Date.now();
    this.adapter.stay(); // with many targets the look takes longer than the process of the burst is kept
    try {
      await this.adapter.saveConfig(await this.mustBeWhole());
      crashPoint('executor.config-saved');
      this.verify();
      crashPoint('executor.saved-file-verified');
      this.journal.force();
      crashPoint('executor.journal-forced');
      this.unsavedSince = null;
      this.retryMs = FIRST_RETRY_MS;
      this.tell('saved', null);
      saves.inc({ result: 'saved' });
      this.log.info({ ms: Math.round(performance.now() - began) }, 'the configuration is saved');
    } catch (thrown) {
      const error = thrown instanceof CannotSave ? new NotSaved('withheld', `${thrown.message} Only targetcli saves that.`) : thrown;
      const [state, message] =
        error instanceof NotSaved ? [error.state, error.message] : (['failed', 'The configuration could not be saved.'] as const);
      this.log.warn(
        { err: error, inner: error instanceof TargetCLIError ? String(error.cause) : undefined },
        'the configuration is not saved',
      );
      this.retryAt = Date.now() + this.retryMs;
      this.retryMs = Math.min(this.retryMs * 2, LAST_RETRY_MS);
      this.tell(state, message);
      saves.inc({ result: state });
    } finally {
      this.adapter.rest();
    }
  }

  /** @param nudge called when a retry is due. */
  retryBy(nudge: () => void): void {
    this.timer = setInterval(() => {
      if (this.due()) nudge();
    }, 1_000).unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** @returns what is there as wished. @throws NotSaved when the live state lacks something. */
  private async mustBeWhole(): Promise<DesiredTarget[]> {
    const { tree, settings } = this.adapter;
    const present: DesiredTarget[] = [];
    let looked = 0;
    for (const { wish } of this.journal.live()) {
      const desired = desiredTarget(wish, settings);
      if (wish.state === 'present') present.push(desired);
      if (!this.isMet(wish, desired)) throw new NotSaved('withheld', `Target ${wish.iqn} is not as wished.`);
      if (++looked % LOOK_AT_ONCE === 0) await new Promise(setImmediate);
    }
    const saved = parseSavedConfig(this.savedText());
    if (!saved) return present;
    const live = {
      targets: new Set(tree.targetNames()),
      storageObjects: new Set(tree.backstoreNames().map(({ plugin, name }) => `${PLUGINS[plugin] ?? plugin}/${name}`)),
    };
    const lost = lostSince(saved, live, {
      target: (iqn) => this.journal.removedTarget(iqn),
      backstore: (name) => this.journal.removedBackstore(name),
    });
    if (lost.length > 0)
      throw new NotSaved(
        'withheld',
        `The saved configuration has what the kernel lacks: ${lost.slice(0, 5).join(', ')}. Restore or remove it by hand.`,
      );
    return present;
  }

  private isMet(wish: TargetWish, desired: DesiredTarget): boolean {
    const seen = this.adapter.tree.see(desired.iqn, desired.backstore);
    return (wish.state === 'present' ? planPresent(desired, seen) : planAbsent(desired, seen)).length === 0;
  }

  /** rtslib 2.1.75 copies over the file without forcing it to disk (rtslib_fb/root.py, `save_to_file`). */
  private verify(): void {
    const { savedConfigFile } = this.adapter.settings;
    const saved = parseSavedConfig(this.savedText());
    if (!saved) throw new NotSaved('failed', 'The saved configuration cannot be read back.');
    const wrong = this.journal.live().find(({ wish }) => wish.state === 'present' && !savedAsWished(saved, wish, this.adapter.settings));
    if (wrong) throw new NotSaved('failed', `Target ${wrong.wish.iqn} is not in the saved configuration as wished.`);
    for (const path of [savedConfigFile, dirname(savedConfigFile)]) {
      const fd = openSync(path, 'r');
      fsyncSync(fd);
      closeSync(fd);
    }
  }

  private savedText(): string {
    try {
      return readFileSync(this.adapter.settings.savedConfigFile, 'utf8');
    } catch {
      return '';
    }
  }

  private tell(state: SaveState['state'], message: string | null, now = new Date()): void {
    const at = state === 'saved' ? now.toISOString() : this.state.at;
    // every change of a burst says so again, and each report reads all targets
    const news = state === 'saved' || state !== this.state.state || message !== this.state.message;
    this.state = { state, at, message };
    if (news) this.onChange();
  }
}

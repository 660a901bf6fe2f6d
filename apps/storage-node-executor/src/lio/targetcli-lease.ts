import { setTimeout as sleep } from 'node:timers/promises';
import { Refused } from '#contracts';
import { counter, durations } from '#runtime';
import type { NodeLease } from '../node-lease';
import { TargetCLIError } from './targetcli-errors';
import { isWaitedFor, lockState } from './lock-holder';
import { LockSession } from './lock-session';
import { TargetcliSession, groupMembers, type SessionSettings } from './targetcli-session';

export interface LeaseSettings extends SessionSettings {
  /** Who changes configfs while we hold the lock: a targetcli, or we ourselves. */
  engine: 'targetcli' | 'configfs';
  /** One command, or one start. */
  timeoutMs: number;
  lockWaitMs: number;
  /** How long the process, and with it the lock, is kept for the next command. */
  idleMs: number;
  /** After this long the lock is handed over between two targets, if another targetcli waits for it. */
  burstMs: number;
}

/** targetcli reads all objects at its start and writes all when it saves. */
const MS_PER_OBJECT = 50;
const HAND_OVER_MS = 200;

const took = durations(
  'spindle_node_step_duration_seconds',
  'Time of one step of targetcli, its start and save among them; with LIO_ENGINE=configfs only of the lock',
  ['step'],
);
const results = counter('spindle_node_steps_total', 'Steps of targetcli by how they ended: `ok`, or the kind of fault', ['step', 'result']);
const timeouts = counter('spindle_node_targetcli_timeouts_total', 'Steps to which targetcli said nothing in time');

/** How a step ended. */
const count = (step: string, error?: unknown): void => {
  const result = error === undefined ? 'ok' : error instanceof TargetCLIError ? error.kind : 'unknown';
  results.inc({ step, result });
  if (result === 'timeout') timeouts.inc();
};

/** Counts and times a step. @param began on the clock of `performance.now()` */
const record = (step: string, began: number, error?: unknown): void => {
  took.observe({ step }, (performance.now() - began) / 1_000);
  count(step, error);
};

const observed = async (step: string, run: () => Promise<void>): Promise<void> => {
  const began = performance.now();
  try {
    await run();
  } catch (error) {
    record(step, began, error);
    throw error;
  }
  record(step, began);
};

/**
 * Keeps one targetcli process for all targets of a burst and lets it go soon after, because it holds the lock that an
 * administrator's targetcli waits for. Used by one caller at a time: the node's queue.
 */
export class TargetcliLease {
  private session: TargetcliSession | LockSession | null = null;
  private ending: Promise<void> | null = null;
  private idle: NodeJS.Timeout | undefined;
  private busySince: number | null = null;
  /** Objects when they were last counted: not for each step of a burst. */
  private counted = 0;
  /** Process groups of ours that have not ended yet, and those of them that do not end. */
  private readonly groups = new Set<number>();
  private stuckGroups: number[] = [];
  /** Processes started since this executor did. */
  started = 0;
  version: string | null = null;

  constructor(
    private readonly settings: LeaseSettings,
    private readonly nodeLease: NodeLease,
    /** LIO objects on the node, which start and save take time for. */
    private readonly objects: () => number = () => 0,
  ) {}

  get engine(): LeaseSettings['engine'] {
    return this.settings.engine;
  }

  /** What hangs in the kernel, in words, or null. It heals when the process ends after all. */
  wedged(): string | null {
    const [member] = this.hung();
    return member ? `targetcli (pid ${member.pid}, state ${member.state}) does not end, not even when killed` : null;
  }

  hung(): { pid: number; state: string }[] {
    this.stuckGroups = this.stuckGroups.filter((group) => groupMembers(group).length > 0);
    return this.stuckGroups.flatMap(groupMembers);
  }

  /** For how long wishes have found the lock held by somebody else, who holds it still. */
  lockWaitMs(): number {
    return this.busySince === null || this.busy() === null ? 0 : Date.now() - this.busySince;
  }

  /** Processes that run for us, so that their hold of the lock is not taken for somebody else's. */
  ownPids(): Set<number> {
    return new Set([...this.groups].flatMap((group) => groupMembers(group).map(({ pid }) => pid)));
  }

  /** Which program of somebody else's holds the lock, in words, or null. */
  busy(): string | null {
    const { holder } = lockState(this.ownPids());
    return holder ? heldBy(holder) : null;
  }

  /**
   * Makes sure that a process runs and holds the lock; call it before looking at what is to be changed.
   * @throws Refused NODE_WEDGED, or NODE_BUSY naming who holds the lock or that we do not hold the node
   * @throws TargetCLIError
   */
  async acquire(): Promise<void> {
    clearTimeout(this.idle);
    await this.ending;
    this.mustNotHang();
    // reads all names, for each target: only targetcli takes longer when there are more
    if (this.engine === 'targetcli') this.counted = this.objects();
    if (this.session?.alive && this.mustHandOver(this.session)) {
      await this.release();
      await sleep(HAND_OVER_MS);
    }
    if (this.session?.alive) return;
    await this.waitForLock();
    this.nodeLease.mustHold();
    this.started++;
    const began = Date.now();
    const session = this.settings.engine === 'configfs' ? new LockSession() : new TargetcliSession(this.settings);
    this.session = session;
    this.groups.add(session.pid);
    try {
      await observed('start-targetcli', () => session.ready(this.patience()));
      this.version = session.version;
    } catch (error) {
      await this.release(0);
      this.mustNotHang();
      const { holder } = lockState();
      if (error instanceof TargetCLIError && error.kind === 'timeout' && holder) {
        this.busySince ??= began; // it was free when we looked, and somebody else was quicker
        throw busy(holder);
      }
      throw error;
    }
  }

  /**
   * Runs one line. Every change of the node passes here, so here it is asked whether we may still make it: targetcli's lock keeps
   * our last line apart from the first of the process that holds the node next.
   * @throws Refused NODE_BUSY with nothing sent
   * @throws TargetCLIError; after a time-out or the end of the process the next call starts a new one.
   */
  async run(line: string, step: string): Promise<void> {
    await this.acquireUnlessAlive();
    this.nodeLease.mustHold();
    const session = this.session as TargetcliSession;
    try {
      await observed(step, () => session.run(line, step, this.patience()));
    } catch (error) {
      if (!(error instanceof TargetCLIError) || (this.session?.alive && error.kind !== 'timeout')) throw error;
      await this.release(0);
      throw this.wedged() ? error.explained('NODE_WEDGED') : error;
    }
  }

  /**
   * Has us change configfs ourselves, under the same lock and with the same question before it. It is counted and not timed: a step is a few
   * calls of the kernel, which take hardly longer than to read a clock twice.
   */
  async act(step: string, change: () => void): Promise<void> {
    if (!this.session?.alive) await this.acquireUnlessAlive();
    this.nodeLease.mustHold();
    try {
      change();
    } catch (error) {
      count(step, error);
      throw error;
    }
    count(step);
  }

  /** The lock is held from the wish before this one, and nobody waits for it so long that it is handed over. */
  holds(): boolean {
    return this.session !== null && this.session.alive && !this.mustHandOver(this.session);
  }

  /** More is to come: a process that runs is kept until `rest`. */
  stay(): void {
    clearTimeout(this.idle);
  }

  /** No more to do for now. */
  rest(): void {
    clearTimeout(this.idle);
    if (this.session) this.idle = setTimeout(() => void this.release(), this.settings.idleMs);
  }

  /**
   * Ends the process and so gives the lock back.
   * @param graceMs how long it may take by itself before it is killed
   */
  async release(graceMs = 5_000): Promise<void> {
    clearTimeout(this.idle);
    const session = this.session;
    this.session = null;
    if (session)
      this.ending = session.end(graceMs).then((ended) => {
        if (ended) this.groups.delete(session.pid);
        else this.stuckGroups.push(session.pid);
      });
    await this.ending;
    this.ending = null;
  }

  private mustNotHang(): void {
    const wedged = this.wedged();
    if (wedged) throw new Refused('NODE_WEDGED', { hint: `${wedged}.` });
  }

  private async acquireUnlessAlive(): Promise<void> {
    clearTimeout(this.idle);
    if (!this.session?.alive) await this.acquire();
  }

  private patience(): number {
    return this.settings.timeoutMs + MS_PER_OBJECT * this.counted;
  }

  private mustHandOver(session: TargetcliSession | LockSession): boolean {
    return Date.now() - session.startedAt > this.settings.burstMs && isWaitedFor() && lockState(this.ownPids()).waiting > 0;
  }

  /** The wait counts from when the lock was first found held, so that a queue behind a long holder is refused together. */
  private async waitForLock(): Promise<void> {
    for (;;) {
      const { holder } = lockState();
      if (!holder) break;
      this.busySince ??= Date.now();
      if (Date.now() - this.busySince >= this.settings.lockWaitMs) throw busy(holder);
      await sleep(100);
    }
    this.busySince = null;
  }
}

const heldBy = ({ pid, program }: { pid: number; program: string }): string => `The targetcli lock is held by pid ${pid} (${program}).`;

const busy = (holder: { pid: number; program: string }): Refused => new Refused('NODE_BUSY', { hint: heldBy(holder) });

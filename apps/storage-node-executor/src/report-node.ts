import { setTimeout as sleep } from 'node:timers/promises';
import { Refused, type NodeReport, type NodeReportReply } from '#contracts';
import type { Logger } from '#runtime';
import { checkNode, nodeVersions } from './check-node';
import type { Settings } from './config';
import type { DriftScan } from './drift-scan';
import type { Journal } from './journal';
import type { ConfigfsTree } from './lio/configfs';
import { isNamedAsOurs } from './lio/target-names';
import type { TargetcliLease } from './lio/targetcli-lease';
import type { NodeLease } from './node-lease';
import type { NodeQueue } from './node-queue';
import type { RootSocket } from './socket/root-socket';
import type { ConfigSaver } from './save-config';
import { writeInstances } from './state-folder';

const MAX_FOREIGN = 100;
const MAX_ADOPTABLE = 100;
const CHECK_EVERY_MS = 10_000;
const SETTLE_MS = 50;
/** Targets read before other work gets a turn: a thousand of them take some tens of milliseconds. */
const READ_AT_ONCE = 50;

export interface ReportParts {
  /** This process. */
  instance: string;
  /** Those that may hold the node from the same state folder, all dead. */
  previousInstances: string[];
  settings: Settings;
  version: string;
  /** NodeReport.sealing_key */
  sealingKey: string;
  socket: RootSocket;
  /** NodeReport.connection */
  connections: () => number;
  tree: ConfigfsTree;
  journal: Journal;
  nodeLease: NodeLease;
  lease: TargetcliLease;
  scan: DriftScan;
  queue: NodeQueue;
  saver: ConfigSaver;
  log: Logger;
  /** The node is ours, for the first time or after it was not. */
  onGained: () => void;
  /** The node is another's, and never was ours. */
  onRefused: (reason: string) => void;
}

/**
 * Tells targets-service of this node: at start, every REPORT_INTERVAL_MS, soon after a change, and when it leaves. The answer says
 * whether the node is ours to change.
 */
export class NodeReporter {
  private timer: NodeJS.Timeout | undefined;
  private sending: Promise<void> | null = null;
  private again = false;
  private checks: NodeReport['checks'] = [];
  private checkedAt = -Infinity;
  private readonly versions: Record<string, string>;
  private acceptedAt = -Infinity;

  constructor(private readonly parts: ReportParts) {
    this.versions = nodeVersions(parts.version);
  }

  /** Whether targets-service knows of this node as it is now. */
  get heard(): boolean {
    return performance.now() - this.acceptedAt < 3 * this.parts.settings.REPORT_INTERVAL_MS;
  }

  start(): void {
    this.timer = setInterval(() => this.soon(), this.parts.settings.REPORT_INTERVAL_MS);
    this.soon();
  }

  /** Something changed. Changes of the same moment go into one report. */
  soon(): void {
    if (this.sending) {
      this.again = true;
      return;
    }
    this.sending = sleep(SETTLE_MS)
      .then(() => this.send(null))
      .finally(() => {
        this.sending = null;
        if (this.again && this.timer) {
          this.again = false;
          this.soon();
        }
      });
  }

  /** The last words. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    await this.sending;
    this.parts.nodeLease.end();
    await this.send('stopping');
  }

  private async send(status: 'stopping' | null): Promise<void> {
    const { socket, settings, log } = this.parts;
    try {
      const report = await this.report();
      const sentAt = performance.now();
      const answer = await socket.ask('report', status ? { ...report, status } : report, settings.REPORT_INTERVAL_MS);
      if (status === null) this.answered(answer, sentAt);
    } catch (error) {
      if (error instanceof Refused && error.retryable) log.debug({ code: error.code }, 'nobody took the report');
      else log.error({ err: error }, 'the report was not accepted');
    }
  }

  /** Counted from when the report was sent: targets-service counts from later, so ours ends first. */
  private answered({ accepted, lease_ms, reason, held: isHeld }: NodeReportReply, sentAt: number): void {
    const { nodeLease, instance, onGained, onRefused, log } = this.parts;
    const why = reason ?? 'Another executor is at work for this node.';
    const held = nodeLease.held();
    if (!accepted) {
      nodeLease.end();
      if (this.acceptedAt === -Infinity) onRefused(why);
      else if (held) log.error({ reason: why }, 'the node is no longer ours: nothing is changed until it is again');
      return;
    }
    if (this.acceptedAt === -Infinity) writeInstances(this.parts.settings.STATE_DIR, [instance]);
    this.acceptedAt = performance.now();
    if (isHeld) return this.waitForPlan(held);
    nodeLease.grant(sentAt + lease_ms);
    if (held || !nodeLease.held()) return;
    log.info({ instance, lease_ms }, 'the node is ours');
    onGained();
  }

  /** The first report that is answered without it makes the node ours, as at a start: the whole wish is asked for then. */
  private waitForPlan(mightChange: boolean): void {
    this.parts.nodeLease.end();
    if (mightChange) this.parts.log.warn('the node is held: nothing is changed until its plan is accepted');
  }

  async report(): Promise<NodeReport> {
    const { settings, tree, journal, lease, queue, saver, scan } = this.parts;
    if (performance.now() - this.checkedAt > CHECK_EVERY_MS) {
      this.checks = checkNode(settings, lease.ownPids());
      this.checkedAt = performance.now();
    }
    const wedged = lease.wedged();
    const names = tree.targetNames();
    return {
      node_id: settings.NODE_ID,
      instance: this.parts.instance,
      connection: this.parts.connections(),
      previous_instances: this.parts.previousInstances,
      name: settings.NODE_NAME ?? settings.NODE_ID,
      status: wedged ? 'wedged' : 'online',
      message: wedged ?? lease.busy(),
      sealing_key: this.parts.sealingKey,
      portal: {
        address: settings.ISCSI_ADVERTISED_ADDRESS ?? settings.ISCSI_PORTAL_ADDRESS,
        port: settings.ISCSI_ADVERTISED_PORT ?? settings.ISCSI_PORTAL_PORT,
      },
      targets: names.filter((iqn) => journal.ownsTarget(iqn)).length,
      queued: queue.length,
      versions: this.versions,
      foreign: [
        ...names.filter((iqn) => !journal.ownsTarget(iqn)).map((name) => ({ kind: 'target' as const, name })),
        ...tree
          .backstoreNames()
          .filter(({ plugin, name }) => plugin !== 'fileio' || !journal.ownsBackstore(name))
          .map(({ name }) => ({ kind: 'backstore' as const, name })),
      ].slice(0, MAX_FOREIGN),
      adoptable: names.filter((iqn) => this.nobodyWishes(iqn)).slice(0, MAX_ADOPTABLE),
      checks: this.checks,
      saved_config: saver.state,
      sessions: await this.sessions(names),
      drifted: scan.drifted(),
      drift_known: scan.known,
      drift_policy: settings.DRIFT_POLICY,
    };
  }

  /** Of a name of ours: the journal was lost, or the database that has the wish was. */
  private nobodyWishes(iqn: string): boolean {
    const { settings, journal, scan } = this.parts;
    if (!isNamedAsOurs(iqn, settings.ISCSI_TARGET_PREFIX)) return false;
    const entry = journal.byName(iqn);
    return !entry || entry.phase === 'absent' || !scan.isWished(entry.wish.target_id);
  }

  private async sessions(names: string[]): Promise<NodeReport['sessions']> {
    const { journal, tree } = this.parts;
    const sessions: NodeReport['sessions'] = [];
    for (const [at, iqn] of names.entries()) {
      const entry = journal.byName(iqn);
      if (entry && entry.phase !== 'absent')
        for (const { initiatorIqn, address } of tree.sessions(iqn))
          sessions.push({ target_id: entry.wish.target_id, initiator_iqn: initiatorIqn, address });
      if (at % READ_AT_ONCE === READ_AT_ONCE - 1) await new Promise(setImmediate);
    }
    return sessions;
  }
}

import type { ApplyReply } from '#contracts';
import type { Logger } from '#runtime';
import { applyTarget } from './apply-target';
import type { Settings } from './config';
import { DriftScan } from './drift-scan';
import { Journal } from './journal';
import { ConfigfsTree } from './lio/configfs';
import { TargetcliLease } from './lio/targetcli-lease';
import { TargetcliAdapter } from './lio/targetcli.adapter';
import { NodeKey } from './node-key';
import { NodeLease } from './node-lease';
import { NodeQueue } from './node-queue';
import { ConfigSaver } from './save-config';

/** How long a burst must have ended before its outcome is saved; below TARGETCLI_IDLE_MS, so that the same process saves. */
const QUIET_MS = 100;
/** Objects of one target: itself, backstore, LUN, ACL. */
const OBJECTS_PER_TARGET = 4;

/** What works on this node; made once, at start. */
export class NodeParts {
  /** Whether we are the node's writer; `lease` is the hold of targetcli's lock. */
  readonly nodeLease = new NodeLease();
  readonly tree = new ConfigfsTree();
  readonly journal: Journal;
  readonly key: NodeKey;
  readonly lease: TargetcliLease;
  readonly adapter: TargetcliAdapter;
  readonly saver: ConfigSaver;
  readonly queue: NodeQueue;
  readonly scan: DriftScan;
  readonly imageRootIsMount: boolean;
  /** Called when something changed that the report tells. */
  onChange: () => void = () => undefined;

  constructor(settings: Settings, log: Logger) {
    this.imageRootIsMount = settings.IMAGE_ROOT_IS_MOUNT;
    this.journal = Journal.open(settings.STATE_DIR);
    this.key = NodeKey.keep(settings.STATE_DIR, settings.NODE_ID);
    this.lease = new TargetcliLease(
      {
        engine: settings.LIO_ENGINE,
        path: settings.TARGETCLI_PATH,
        home: `${settings.STATE_DIR}/targetcli`,
        timeoutMs: settings.TARGETCLI_TIMEOUT_MS,
        lockWaitMs: settings.TARGETCLI_LOCK_WAIT_MS,
        idleMs: settings.TARGETCLI_IDLE_MS,
        burstMs: settings.TARGETCLI_BURST_MS,
      },
      this.nodeLease,
      () => OBJECTS_PER_TARGET * this.tree.targetNames().length,
    );
    this.adapter = new TargetcliAdapter(this.nodeLease, this.lease, this.tree, {
      portal: { address: settings.ISCSI_PORTAL_ADDRESS, port: settings.ISCSI_PORTAL_PORT },
      imageRoot: settings.IMAGE_ROOT,
      openChap: (wish) => this.key.open(wish),
      targetPrefix: settings.ISCSI_TARGET_PREFIX,
      savedConfigFile: settings.SAVED_CONFIG_FILE,
    });
    this.saver = new ConfigSaver(this.nodeLease, this.adapter, this.journal, log, () => this.onChange());
    const parts = {
      nodeLease: this.nodeLease,
      imageRootIsMount: settings.IMAGE_ROOT_IS_MOUNT,
      adapter: this.adapter,
      journal: this.journal,
      log,
      changed: () => this.saver.changed(),
    };
    this.queue = new NodeQueue(
      async (wish, requestId) => {
        let reply: ApplyReply | undefined;
        try {
          return (reply = await applyTarget(wish, parts, requestId));
        } finally {
          this.scan.applied(wish, reply?.outcome === 'done');
        }
      },
      this.saver,
      () => this.lease.wedged(),
      { limit: settings.QUEUE_LIMIT, waitMs: settings.QUEUE_WAIT_MS, quietMs: QUIET_MS },
    );
    this.scan = new DriftScan(
      this.adapter,
      this.journal,
      (id) => this.queue.has(id),
      settings.DRIFT_SCAN_MS,
      log,
      () => this.onChange(),
    );
  }

  /** Finishes what is at work, refuses the rest, and gives the lock back. */
  async close(): Promise<void> {
    this.scan.stop();
    this.saver.stop();
    await this.queue.close();
    await this.lease.release();
  }
}

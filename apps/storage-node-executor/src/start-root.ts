import { metrics as registry, createLog, newId, type Logger, type Service } from '#runtime';
import { answerVerbs } from './answer-verbs';
import type { Settings } from './config';
import { measureNode } from './measure-node';
import { NodeParts } from './node-parts';
import { RootSocket } from './socket/root-socket';
import { NodeReporter } from './report-node';
import { NodeRestorer } from './restore-node';
import { lockStateFolder, readInstances, writeInstances } from './state-folder';

const VERSION = '0.1.0';

const leaveToAnother = (settings: Settings, reason: string, log: Logger): never => {
  log.fatal({ reason }, 'another executor has this node: leaving');
  process.stderr.write(`NODE_ID ${settings.NODE_ID}: ${reason} Nothing was changed.\n`);
  process.exit(1);
};

/** The part that changes the kernel. It knows no network: what it hears and says goes over the socket, to the part on NATS. */
export const startRoot = async (settings: Settings): Promise<Service> => {
  const log = createLog('storage-node-root', settings.LOG_LEVEL);
  registry.setDefaultLabels({ service: 'storage-node-executor' });
  const lock = await lockStateFolder(settings.STATE_DIR);
  const parts = new NodeParts(settings, log);
  const { tree, journal, nodeLease, lease, queue, saver, scan } = parts;
  const instance = newId();
  const previousInstances = readInstances(settings.STATE_DIR);
  let connections = 0;
  let reporter: NodeReporter | undefined;

  queue.suspend();
  const socket = await RootSocket.listen({
    path: settings.ROOT_SOCKET,
    user: settings.EXECUTOR_USER,
    log,
    onGone: () => queue.suspend(),
    handlers: answerVerbs({
      nodeId: settings.NODE_ID,
      parts,
      checks: {
        'targets-service': () => {
          if (!reporter?.heard) throw new Error('no report was accepted of late');
        },
        configfs: () => void tree.targetNames(),
        kernel: () => {
          if (lease.wedged()) throw new Error('wedged');
        },
      },
      onConnected: () => {
        connections++;
        socket.believe();
        queue.resume();
        reporter?.soon();
      },
    }),
  });

  writeInstances(settings.STATE_DIR, [...previousInstances, instance]);
  const restorer = new NodeRestorer({ settings, socket, nodeLease, journal, queue, scan, log });
  const reports = new NodeReporter({
    settings,
    version: VERSION,
    sealingKey: parts.key.publicKey,
    instance,
    previousInstances,
    socket,
    connections: () => connections,
    tree,
    journal,
    nodeLease,
    lease,
    scan,
    queue,
    saver,
    log,
    onGained: () => restorer.begin(),
    onRefused: (reason) => leaveToAnother(settings, reason, log),
  });
  reporter = reports;
  parts.onChange = () => reports.soon();
  measureNode(parts, restorer);
  saver.lookAtStart();
  saver.retryBy(() => queue.nudge());
  reports.start();

  const close = async () => {
    await Promise.all([restorer.stop(), parts.close()]);
    await reports.stop();
    for (const held of [socket, lock]) held.close();
  };
  return { log, close };
};

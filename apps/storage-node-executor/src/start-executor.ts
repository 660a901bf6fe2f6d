import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { nodeUser } from '#contracts';
import { NatsServerStrategy, PassThroughFilter, connectBus, type Bus } from '#messaging';
import { collectProcessMetrics, createLog, nestLogger, newId, startHealthServer, type Logger, type Service } from '#runtime';
import type { Settings } from './config';
import { ExecutorModule } from './executor.module';
import { measureNode } from './measure-node';
import { NodeParts } from './node-parts';
import { NodeReporter } from './report-node';
import { NodeRestorer } from './restore-node';
import { lockStateFolder, readInstances, writeInstances } from './state-folder';

const VERSION = '0.1.0';

const leaveToAnother = (settings: Settings, reason: string, log: Logger): never => {
  log.fatal({ reason }, 'another executor has this node: leaving');
  process.stderr.write(`NODE_ID ${settings.NODE_ID}: ${reason} Nothing was changed.\n`);
  process.exit(1);
};

/** The lock comes before everything, and the health server before NATS, so that a start that waits for that can be seen. */
export const startExecutor = async (settings: Settings): Promise<Service> => {
  const log = createLog('storage-node-executor', settings.LOG_LEVEL);
  collectProcessMetrics('storage-node-executor');
  const lock = await lockStateFolder(settings.STATE_DIR);
  const parts = new NodeParts(settings, log);
  let bus: Bus | undefined;
  let reporter: NodeReporter | undefined;
  const health = await startHealthServer(settings.HEALTH_PORT, settings.HEALTH_ADDRESS, {
    nats: () => (bus ? bus.ping() : Promise.reject(new Error('not connected yet'))),
    'targets-service': () => {
      if (!reporter?.heard) throw new Error('no report was accepted of late');
    },
    configfs: () => void parts.tree.targetNames(),
    kernel: () => {
      if (parts.lease.wedged()) throw new Error('wedged');
    },
  });
  const nats = await connectBus(`storage-node-executor ${settings.NODE_ID}`, settings, log, nodeUser(settings.NODE_ID));
  bus = nats;

  const strategy = new NatsServerStrategy({
    name: 'storage-node-executor',
    version: VERSION,
    description: `Storage node ${settings.NODE_ID}`,
    bus: nats,
    log,
    parameters: { node_id: settings.NODE_ID },
  });
  const app = await NestFactory.createMicroservice(ExecutorModule.with(parts), { strategy, logger: nestLogger(log) });
  app.useGlobalFilters(new PassThroughFilter());
  await app.listen();

  const { tree, journal, nodeLease, lease, queue, saver, scan } = parts;
  const instance = newId();
  const previousInstances = readInstances(settings.STATE_DIR);
  writeInstances(settings.STATE_DIR, [...previousInstances, instance]);
  const restorer = new NodeRestorer({ settings, bus: nats, nodeLease, journal, queue, scan, log });
  const reports = new NodeReporter({
    settings,
    version: VERSION,
    sealingKey: parts.key.publicKey,
    instance,
    previousInstances,
    bus: nats,
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
    await app.close();
    await nats.close();
    health.close();
    lock.close();
  };
  return { log, close };
};

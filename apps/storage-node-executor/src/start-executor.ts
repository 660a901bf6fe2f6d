import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { Refused, nodeSubject, nodeUser } from '#contracts';
import { NatsServerStrategy, PassThroughFilter, ask, connectBus, type Bus } from '#messaging';
import { collectProcessMetrics, createLog, nestLogger, startHealthServer, type Logger, type ReadinessCheck, type Service } from '#runtime';
import type { BusSettings } from './config';
import { ExecutorModule } from './executor.module';
import { RootLink } from './socket/root-link';

const VERSION = '0.1.0';
const READY_MS = 2_000;
/** Longer than any REPORT_INTERVAL_MS makes sense for: the root part stops waiting before. */
const REPORT_MS = 10_000;
const WISHES_MS = 5_000;

/**
 * The part on NATS. It may do nothing on this node but speak with the root part, in the words of socket/verbs.ts. Health is there before
 * everything else, so that a start that waits can be seen.
 */
export const startExecutor = async (settings: BusSettings): Promise<Service> => {
  const log = createLog('storage-node-executor', settings.LOG_LEVEL);
  collectProcessMetrics('storage-node-executor');
  let bus: Bus | undefined;
  let isLinked = (): void => undefined;
  const linked = new Promise<void>((resolve) => (isLinked = resolve));
  const sayConnected = () => {
    isLinked();
    if (bus?.connected()) tell(root, settings.NODE_ID, log);
  };
  const root = new RootLink(
    settings.ROOT_SOCKET,
    questions(settings, () => bus),
    sayConnected,
    log,
  );
  const health = await startHealthServer(
    settings.HEALTH_PORT,
    settings.HEALTH_ADDRESS,
    { nats: () => (bus ? bus.ping() : Promise.reject(new Error('not connected yet'))), ...rootChecks(root) },
    () => root.ask('metrics', {}, { timeoutMs: READY_MS }),
  );
  const [nats] = await Promise.all([
    connectBus(`storage-node-executor ${settings.NODE_ID}`, settings, log, nodeUser(settings.NODE_ID)),
    linked, // whoever does not have the root part must not take its requests
  ]);
  bus = nats;

  const strategy = new NatsServerStrategy({
    name: 'storage-node-executor',
    version: VERSION,
    description: `Storage node ${settings.NODE_ID}`,
    bus: nats,
    log,
    parameters: { node_id: settings.NODE_ID },
  });
  const app = await NestFactory.createMicroservice(ExecutorModule.with(root), { strategy, logger: nestLogger(log) });
  app.useGlobalFilters(new PassThroughFilter());
  await app.listen();
  nats.onBack(sayConnected);
  sayConnected();

  const close = async () => {
    await app.close();
    root.close();
    await nats.close();
    health.close();
  };
  return { log, close };
};

/** What the root part has us ask of targets-service. */
const questions = ({ NODE_ID }: BusSettings, bus: () => Bus | undefined) => {
  const pass = async (verb: 'report' | 'wishes', body: unknown, timeoutMs: number) => {
    const nats = bus();
    if (!nats) throw new Refused('SERVICE_UNAVAILABLE');
    return (await ask(nats, nodeSubject(NODE_ID, verb), body, { context: {}, timeoutMs })) as never;
  };
  return {
    report: (report: unknown) => pass('report', report, REPORT_MS),
    wishes: (page: unknown) => pass('wishes', page, WISHES_MS),
  };
};

/** From now on the root part reports, and counts what was under way before as lost. */
const tell = (root: RootLink, nodeId: string, log: Logger): void => {
  root.ask('connected', { node_id: nodeId }, { timeoutMs: READY_MS }).catch((err: unknown) => {
    log.error(
      err instanceof Refused ? { code: err.code, hint: err.details.hint } : { err },
      'the root part was not told of the connection',
    );
  });
};

/** One question for all that is asked at the same time. */
const rootChecks = (root: RootLink): Record<string, ReadinessCheck> => {
  let asked: ReturnType<typeof root.ask<'ready'>> | null = null;
  const said = () => (asked ??= root.ask('ready', {}, { timeoutMs: READY_MS }).finally(() => (asked = null)));
  const isUp = (name: string) => async () => {
    if ((await said())[name] !== 'up') throw new Error('the root part says so');
  };
  return {
    'root-part': async () => void (await said()),
    ...Object.fromEntries(['targets-service', 'configfs', 'kernel'].map((name) => [name, isUp(name)])),
  };
};

import { NestFactory } from '@nestjs/core';
import type { DataSource } from 'typeorm';
import { connectDatabase, databaseCheck, migrate, migrationsPending } from '#database';
import { AUDIT_STREAM, EVENTS_STREAM, NatsServerStrategy, PassThroughFilter, connectBus, ensureStreams, type Bus } from '#messaging';
import {
  BadSettings,
  collectProcessMetrics,
  createLog,
  nestLogger,
  readSecretFile,
  startHealthServer,
  type Logger,
  type Service,
} from '#runtime';
import { Door } from './access/door';
import { makeFirstAdmin } from './access/first-admin';
import type { Settings } from './config';
import { ENTITIES, MIGRATIONS, SCHEMA } from './data-source';
import { DoTogether } from './do-together';
import { measureBacklog } from './measure-backlog';
import { OutboxRelay } from './outbox/outbox-relay';
import { Parts } from './parts';
import { watchSilence } from './reconcile/node-presence';
import { holdAllNodes } from './reconcile/hold-nodes';
import { OperationRunner } from './reconcile/operation-runner';
import { ChapSecrets } from './secrets/chap-secrets';
import { SigningKey } from './signing-key';
import { TargetsServiceModule } from './targets-service.module';

const NAME = 'targets-service';

/** Health first, so that a start that waits for NATS or Postgres can be seen; requests last. */
export const startTargetsService = async (settings: Settings): Promise<Service> => {
  const log = createLog(NAME, settings.LOG_LEVEL);
  const privateKey = readSecretFile('AUTH_PRIVATE_KEY_FILE', settings.AUTH_PRIVATE_KEY_FILE);
  const publicKey = readSecretFile('AUTH_PUBLIC_KEY_FILE', settings.AUTH_PUBLIC_KEY_FILE);
  const chap = openKeys(settings);
  collectProcessMetrics(NAME);

  let bus: Bus | undefined;
  let database: DataSource | undefined;
  const health = await startHealthServer(settings.HEALTH_PORT, settings.HEALTH_ADDRESS, {
    database: databaseCheck(() => database),
    nats: () => (bus ? bus.ping() : Promise.reject(new Error('not connected yet'))),
  });

  database = await openDatabase(settings, log);
  await makeFirstAdmin(database, settings);
  if (settings.RECONCILE === 'plan')
    log.warn({ nodes: await holdAllNodes(database) }, 'nothing is sent to nodes until their plans are accepted');
  bus = await connectBus(NAME, settings, log, 'targets');
  await ensureStreams(bus.nats, [AUDIT_STREAM, EVENTS_STREAM]);

  const relay = new OutboxRelay(settings.DATABASE_URL, bus, log);
  const parts = new Parts(settings, database, bus, relay, chap, log);
  parts.operations = new OperationRunner(parts);
  parts.together = new DoTogether(parts);
  const door = new Door(parts, publicKey, privateKey);
  const strategy = new NatsServerStrategy({ name: NAME, version: '0.1.0', description: 'Targets and inventory of Spindle', bus, log });
  const app = await NestFactory.createMicroservice(TargetsServiceModule.with(parts, door, new SigningKey(privateKey)), {
    strategy,
    logger: nestLogger(log),
  });
  app.useGlobalFilters(new PassThroughFilter());
  relay.start();
  parts.operations.start();
  const leaving = new AbortController();
  const watching = [watchSilence(parts, leaving.signal), measureBacklog(database, log, leaving.signal)];
  await app.listen();

  return {
    log,
    close: async () => {
      leaving.abort();
      await parts.operations.stop();
      await app.close();
      await door.close();
      await relay.stop();
      await Promise.all(watching);
      await bus.close();
      await database.destroy();
      health.close();
    },
  };
};

/** @throws BadSettings */
const openKeys = ({ SECRETS_KEY_FILE: file }: Settings): ChapSecrets => {
  readSecretFile('SECRETS_KEY_FILE', file);
  const chap = new ChapSecrets(file);
  try {
    chap.ring();
  } catch (error) {
    throw new BadSettings([`SECRETS_KEY_FILE: ${file}: ${(error as Error).message}`]);
  }
  return chap;
};

const openDatabase = async (settings: Settings, log: Logger): Promise<DataSource> => {
  const database = await connectDatabase({
    url: settings.DATABASE_URL,
    schema: SCHEMA,
    poolSize: settings.DATABASE_POOL_SIZE,
    entities: ENTITIES,
    log,
    application: NAME,
  });
  if (settings.MIGRATION_DATABASE_URL) {
    const ran = await migrate(settings.MIGRATION_DATABASE_URL, MIGRATIONS, SCHEMA, log);
    if (ran.length > 0) log.info({ ran }, 'migrations ran');
  }
  const pending = await migrationsPending(database, MIGRATIONS, SCHEMA);
  if (pending.length > 0) throw new BadSettings([`the database lacks ${pending.join(', ')}: start once with MIGRATION_DATABASE_URL`]);
  return database;
};

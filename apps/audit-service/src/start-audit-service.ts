import { NestFactory } from '@nestjs/core';
import type { DataSource } from 'typeorm';
import { databaseCheck, inDatabase } from '#database';
import { NatsServerStrategy, PassThroughFilter, TokenExchange, connectBus, type Bus } from '#messaging';
import { AnonymousRefusals, collectProcessMetrics, createLog, nestLogger, readSecretFile, startHealthServer, type Service } from '#runtime';
import { recordSummedRefusals } from './admit-auditor';
import { AuditServiceModule } from './audit-service.module';
import { lastSeq } from './audit.store';
import type { Settings } from './config';
import { connectTrail } from './data-source';
import { Parts } from './parts';
import { lastSeqGauge } from './record-entry';

const SUM_EVERY_MS = 5_000;

/** The health server is first, so that a start that waits for Postgres or NATS can be seen. */
export const startAuditService = async (settings: Settings): Promise<Service> => {
  const log = createLog('audit-service', settings.LOG_LEVEL);
  collectProcessMetrics('audit-service');
  const publicKey = readSecretFile('AUTH_PUBLIC_KEY_FILE', settings.AUTH_PUBLIC_KEY_FILE);

  let bus: Bus | undefined;
  let database: DataSource | undefined;
  const health = await startHealthServer(settings.HEALTH_PORT, settings.HEALTH_ADDRESS, {
    nats: () => (bus ? bus.ping() : Promise.reject(new Error('not connected yet'))),
    database: databaseCheck(() => database),
  });
  const connection = await connectTrail(settings, log);
  database = connection;
  lastSeqGauge.set(await inDatabase(connection, lastSeq));
  const nats = await connectBus('audit-service', settings, log);
  bus = nats;

  const parts = new Parts(
    connection,
    new TokenExchange(() => nats, publicKey),
    new AnonymousRefusals(settings.AUDIT_ANONYMOUS_PER_MINUTE),
    log,
  );
  const strategy = new NatsServerStrategy({
    name: 'audit-service',
    version: '0.1.0',
    description: 'The append-only audit trail',
    bus: nats,
    log,
  });
  const app = await NestFactory.createMicroservice(AuditServiceModule.with(parts), { strategy, logger: nestLogger(log) });
  app.useGlobalFilters(new PassThroughFilter());
  await app.listen();
  const sums = setInterval(() => void recordSummedRefusals(parts, Date.now()), SUM_EVERY_MS);

  const close = async () => {
    clearInterval(sums);
    await app.close();
    await recordSummedRefusals(parts, Infinity);
    await nats.close();
    await connection.destroy();
    health.close();
  };
  return { log, close };
};

import { NestFactory } from '@nestjs/core';
import { createPrivateKey } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { databaseCheck, inDatabase } from '#database';
import { NatsServerStrategy, PassThroughFilter, TokenExchange, connectBus, type Bus } from '#messaging';
import {
  AnonymousRefusals,
  BadSettings,
  collectProcessMetrics,
  createLog,
  nestLogger,
  readSecretFile,
  sleep,
  startHealthServer,
  type Logger,
  type Service,
} from '#runtime';
import { recordSummedRefusals } from './read-trail';
import { AuditServiceModule } from './audit-service.module';
import { lastSeq } from './audit.store';
import { CheckpointFile } from './checkpoint-file';
import type { Signer } from './checkpoint-note';
import type { Settings } from './config';
import { connectTrail } from './data-source';
import { Parts } from './parts';
import { lastSeqGauge } from './record-entries';
import { CheckpointWriter, Inconsistent, countFailure } from './sign-checkpoint';

const SUM_EVERY_MS = 5_000;
const CHECKPOINT_LOOK_MS = 1_000;

/** The health server is first, so that a start that waits for Postgres or NATS can be seen. */
export const startAuditService = async (settings: Settings): Promise<Service> => {
  const log = createLog('audit-service', settings.LOG_LEVEL);
  collectProcessMetrics('audit-service');
  const publicKey = readSecretFile('AUTH_PUBLIC_KEY_FILE', settings.AUTH_PUBLIC_KEY_FILE);
  const signer = readSigner(settings);

  let bus: Bus | undefined;
  let database: DataSource | undefined;
  const health = await startHealthServer(settings.HEALTH_PORT, settings.HEALTH_ADDRESS, {
    nats: () => (bus ? bus.ping() : Promise.reject(new Error('not connected yet'))),
    database: databaseCheck(() => database),
  });
  const connection = await connectTrail(settings, log);
  database = connection;
  lastSeqGauge.set(await inDatabase(connection, lastSeq));
  const nats = await connectBus('audit-service', settings, log, 'audit');
  bus = nats;

  const parts = new Parts(
    connection,
    new TokenExchange(() => nats, publicKey),
    signer,
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
  const { AUDIT_CHECKPOINT_FILE: path, AUDIT_CHECKPOINT_ENTRIES: entries, AUDIT_CHECKPOINT_SECONDS: seconds } = settings;
  const writer = new CheckpointWriter(parts, nats, path === undefined ? undefined : new CheckpointFile(path), { entries, seconds });
  const leaving = new AbortController();
  const signing = keepSigning(writer, log, leaving.signal);
  const sums = setInterval(() => void recordSummedRefusals(parts, Date.now()), SUM_EVERY_MS);

  const close = async () => {
    clearInterval(sums);
    leaving.abort();
    await app.close();
    await signing;
    await recordSummedRefusals(parts, Infinity);
    await nats.close();
    await connection.destroy();
    health.close();
  };
  return { log, close };
};

/** @throws BadSettings */
const readSigner = ({ AUDIT_LOG_ORIGIN: origin, AUDIT_SIGNING_KEY_FILE: file }: Settings): Signer => {
  const pem = readSecretFile('AUDIT_SIGNING_KEY_FILE', file);
  try {
    const privateKey = createPrivateKey(pem);
    if (privateKey.asymmetricKeyType === 'ed25519') return { origin, privateKey };
  } catch {
    // said below: what is wrong with a secret is not for the log
  }
  throw new BadSettings([`AUDIT_SIGNING_KEY_FILE: ${file} holds no Ed25519 private key in PEM`]);
};

const keepSigning = async (writer: CheckpointWriter, log: Logger, leaving: AbortSignal): Promise<void> => {
  for (; !leaving.aborted; await sleep(CHECKPOINT_LOOK_MS, leaving)) {
    try {
      await writer.turn();
    } catch (err) {
      if (leaving.aborted) return;
      countFailure(err);
      const what =
        err instanceof Inconsistent
          ? 'the trail is not what was signed: nothing more is signed'
          : 'a head of the trail was not signed or not passed on';
      log.error({ err }, what);
    }
  }
};

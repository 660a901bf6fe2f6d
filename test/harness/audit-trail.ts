import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditIntent, Role } from '#contracts';
import { claimPort, startNats } from '#embedded';
import { AUDIT_INTENT_SUBJECT, TokenExchange, ask, connectBus, ensureStreams, publishStored, type Bus } from '#messaging';
import { createLog, newId } from '#runtime';
import { signAccessToken } from '#tokens';
import { Settings } from '../../apps/audit-service/src/config';
import { startAuditService } from '../../apps/audit-service/src/start-audit-service';
import { runSql, startDatabaseServer } from './database-server';

export const silent = createLog('spec', 'silent');
const nobody = () => undefined;

/** For parts of the service that nobody asks anything. */
export const unasked = new TokenExchange(() => {
  throw new Error('nobody is asked here');
}, '');

/** An audit service on a database and a message server of its own. */
export const startTrail = async (
  settings: Record<string, string> = {},
  settingsIn: (folder: string) => Record<string, string> = () => ({}),
) => {
  const folder = mkdtempSync(join(tmpdir(), 'spindle-spec-trail-'));
  const login = { user: 'spec', password: 'spec' };
  const [postgres, nats] = await Promise.all([
    startDatabaseServer({ durable: true }),
    startNats({ dataDir: join(folder, 'nats'), ...login, log: nobody }),
  ]);
  const database = await postgres.provision('spindle');
  const keys = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const keyFile = join(folder, 'public.pem');
  writeFileSync(keyFile, keys.publicKey);
  const signingKeyFile = join(folder, 'signing.pem');
  const signingKey = generateKeyPairSync('ed25519').privateKey;
  writeFileSync(signingKeyFile, signingKey.export({ type: 'pkcs8', format: 'pem' }));
  const healthPort = await claimPort('health port');
  const natsSettings = { NATS_URL: nats.url, NATS_USER: login.user, NATS_PASSWORD: login.password };
  const bus = await connectBus('spec', natsSettings, silent);
  await ensureStreams(bus.nats);
  const start = () =>
    startAuditService(
      Settings.parse({
        ...natsSettings,
        LOG_LEVEL: 'silent',
        HEALTH_PORT: healthPort,
        DATABASE_URL: database.audit_app,
        MIGRATION_DATABASE_URL: database.audit_owner,
        AUTH_PUBLIC_KEY_FILE: keyFile,
        AUDIT_SIGNING_KEY_FILE: signingKeyFile,
        ...settings,
        ...settingsIn(folder),
      }),
    );
  let service = await start();
  const token = (role: Role, username: string = role) => `Bearer ${signAccessToken({ sub: newId(), username, role }, keys.privateKey)}`;
  return {
    bus,
    postgres,
    database,
    folder,
    signer: { origin: 'spindle.invalid/audit', privateKey: signingKey },
    healthUrl: `http://127.0.0.1:${healthPort}`,
    sql: <T>(text: string, values?: unknown[]) => runSql<T>(postgres.superuserUrl('spindle'), text, values),
    token,
    search: (filters: object, authorization: string | undefined = token('auditor')) =>
      ask(bus, 'audit.search', filters, { context: { authorization }, timeoutMs: 5_000 }),
    ask: (subject: string, body: object = {}, authorization = token('auditor')) =>
      ask(bus, subject, body, { context: { authorization }, timeoutMs: 5_000 }),
    stopService: () => service.close(),
    startService: async () => {
      service = await start();
    },
    close: async () => {
      await service.close();
      await bus.close();
      await Promise.all([postgres.stop(), nats.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

export type Trail = Awaited<ReturnType<typeof startTrail>>;

export const intent = (fields: Partial<AuditIntent> = {}): AuditIntent => ({
  id: newId(),
  time: new Date().toISOString(),
  actor: 'ada',
  source: 'nats',
  action: 'targets.create',
  resource: { type: 'target', id: newId() },
  outcome: 'allowed',
  code: null,
  request_id: 'r-1',
  before: null,
  after: null,
  ...fields,
});

export const publish = (bus: Bus, ...intents: AuditIntent[]): Promise<unknown> =>
  Promise.all(intents.map((one) => publishStored(bus.nats, { subject: `${AUDIT_INTENT_SUBJECT}.${one.action}`, id: one.id, body: one })));

/** Reads until the value is good; fails after twenty seconds, with the last one. */
export const eventually = async <T>(read: () => Promise<T>, good: (value: T) => boolean): Promise<T> => {
  const until = Date.now() + 20_000;
  for (;;) {
    const value = await read().catch((error: unknown) => error as T);
    if (!(value instanceof Error) && good(value)) return value;
    if (Date.now() > until) throw new Error(`still ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

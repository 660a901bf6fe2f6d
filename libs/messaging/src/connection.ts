import { connect, Events, nkeyAuthenticator, type NatsConnection, type ServerInfo, type TlsOptions } from 'nats';
import { gauge, readSecretFile, type Logger } from '#runtime';

export interface NatsSettings {
  NATS_URL: string;
  NATS_USER?: string;
  NATS_PASSWORD?: string;
  NATS_NKEY_SEED_FILE?: string;
  NATS_TLS_CA_FILE?: string;
  NATS_TLS_CERT_FILE?: string;
  NATS_TLS_KEY_FILE?: string;
}

/** A connection that knows whether it is one right now. */
export interface Bus {
  nats: NatsConnection;
  connected: () => boolean;
  /** How often it has connected. What was under way before the last time may have been lost without a word. */
  connections: () => number;
  /** Calls back when the connection is lost, until the returned function is called. */
  onLost: (callBack: () => void) => () => void;
  /** Calls back whenever the connection is there again. */
  onBack: (callBack: () => void) => void;
  /** Round trip to the server; throws when it is away. */
  ping: () => Promise<void>;
  close: () => Promise<void>;
}

const up = gauge('spindle_nats_connected', '1 while connected to NATS');

/**
 * Waits for the first connection for as long as it takes, then reconnects for ever: services outlive their broker.
 * A half-open connection is noticed after two missed pings, 10 s.
 * @param identity what the permissions call us where no NATS_USER does; answers are read below `_INBOX_` and that name. `client`: below
 * `_INBOX`, as everybody else's.
 */
export const connectBus = async (name: string, settings: NatsSettings, log: Logger, identity = 'client'): Promise<Bus> => {
  const inbox = identity === 'client' ? undefined : (settings.NATS_USER ?? identity);
  const nats = await connect({
    servers: settings.NATS_URL.split(','),
    ...proofOf(settings),
    tls: tlsOf(settings),
    name,
    // Of its own, so that the server can keep every user from reading the answers to another.
    ...(inbox && /^[\w-]+$/.test(inbox) ? { inboxPrefix: `_INBOX_${inbox}` } : {}),
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 500,
    reconnectJitter: 250,
    pingInterval: 5_000,
    maxPingOut: 2,
    timeout: 2_000,
    // a second stack trace for each request, made before anything has failed
    noAsyncTraces: true,
  });
  let connected = true;
  let connections = 1;
  const callBacks = new Set<() => void>();
  const whenBack: (() => void)[] = [];
  up.set(1);
  void (async () => {
    for await (const status of nats.status()) {
      if (status.type === Events.Disconnect) {
        connected = false;
        callBacks.forEach((callBack) => callBack());
      }
      if (status.type === Events.Reconnect) {
        connected = true;
        connections++;
        whenBack.forEach((callBack) => callBack());
      }
      up.set(connected ? 1 : 0);
      if (status.type === Events.Disconnect || status.type === Events.Reconnect) log.warn({ nats: status.type }, 'NATS connection changed');
      if (status.type === Events.Error) log.error({ reason: status.data }, 'NATS refused something');
    }
  })();
  warnBelowFloor(nats.info, log);
  return {
    nats,
    connected: () => connected && !nats.isClosed(),
    connections: () => connections,
    onLost: (callBack) => {
      callBacks.add(callBack);
      return () => void callBacks.delete(callBack);
    },
    onBack: (callBack) => void whenBack.push(callBack),
    ping: async () => {
      if (!connected) throw new Error('not connected');
      await nats.flush();
    },
    close: () => (nats.isClosed() ? Promise.resolve() : connected ? nats.drain() : nats.close()),
  };
};

/** A key is never sent: the server has a challenge signed with it. */
const proofOf = ({ NATS_NKEY_SEED_FILE: file, NATS_USER: user, NATS_PASSWORD: pass }: NatsSettings) =>
  file === undefined ? { user, pass } : { authenticator: nkeyAuthenticator(readSeed(file)) };

const readSeed = (file: string): Uint8Array => Buffer.from(readSecretFile('NATS_NKEY_SEED_FILE', file));

const tlsOf = ({ NATS_TLS_CA_FILE: caFile, NATS_TLS_CERT_FILE: certFile, NATS_TLS_KEY_FILE: keyFile }: NatsSettings): TlsOptions | null =>
  caFile === undefined && certFile === undefined ? null : { caFile, certFile, keyFile };

/** Below 2.14 known holes are open (CVE-2025-30215 and later); Debian 12 ships 2.9, which the embedded start uses on loopback. */
const warnBelowFloor = (info: ServerInfo | undefined, log: Logger): void => {
  const [major = 0, minor = 0] = (info?.version ?? '').split('.').map(Number);
  if (major < 2 || (major === 2 && minor < 14))
    log.warn({ version: info?.version }, 'nats-server is older than 2.14: use it on loopback only');
};

import { connect, Events, type NatsConnection, type ServerInfo } from 'nats';
import { gauge, type Logger } from '#runtime';

export interface NatsSettings {
  NATS_URL: string;
  NATS_USER?: string;
  NATS_PASSWORD?: string;
}

/** A connection that knows whether it is one right now. */
export interface Bus {
  nats: NatsConnection;
  connected: () => boolean;
  /** How often it has connected. What was under way before the last time may have been lost without a word. */
  connections: () => number;
  /** Calls back when the connection is lost, until the returned function is called. */
  onLost: (callBack: () => void) => () => void;
  /** Round trip to the server; throws when it is away. */
  ping: () => Promise<void>;
  close: () => Promise<void>;
}

const up = gauge('spindle_nats_connected', '1 while connected to NATS');

/**
 * Waits for the first connection for as long as it takes, then reconnects for ever: services outlive their broker.
 * A half-open connection is noticed after two missed pings, 10 s.
 */
export const connectBus = async (name: string, settings: NatsSettings, log: Logger): Promise<Bus> => {
  const nats = await connect({
    servers: settings.NATS_URL.split(','),
    user: settings.NATS_USER,
    pass: settings.NATS_PASSWORD,
    name,
    // Of its own, so that the server can keep every user from reading the answers to another (deploy/nats.conf).
    ...(settings.NATS_USER && /^[\w-]+$/.test(settings.NATS_USER) ? { inboxPrefix: `_INBOX_${settings.NATS_USER}` } : {}),
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 500,
    reconnectJitter: 250,
    pingInterval: 5_000,
    maxPingOut: 2,
    timeout: 2_000,
  });
  let connected = true;
  let connections = 1;
  const callBacks = new Set<() => void>();
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
    ping: async () => {
      if (!connected) throw new Error('not connected');
      await nats.flush();
    },
    close: () => (nats.isClosed() ? Promise.resolve() : connected ? nats.drain() : nats.close()),
  };
};

/** Below 2.14 known holes are open (CVE-2025-30215 and later); Debian 12 ships 2.9, which the embedded start uses on loopback. */
const warnBelowFloor = (info: ServerInfo | undefined, log: Logger): void => {
  const [major = 0, minor = 0] = (info?.version ?? '').split('.').map(Number);
  if (major < 2 || (major === 2 && minor < 14))
    log.warn({ version: info?.version }, 'nats-server is older than 2.14: use it on loopback only');
};

import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CRASH_POINTS, type CrashPoint } from '#runtime';
import type { SpindleForTests } from '../harness/spindle-for-tests';
import type { Prng } from './prng';
import { SERVICES, Service, untilAllReady, untilReady, type ServiceName } from './services';
import { TcpProxy, type Weather } from './tcp-proxy';

export interface Strike {
  spindle: SpindleForTests;
  prng: Prng;
  /** Whether clients still ask for something. */
  busy: () => boolean;
}

export interface Fault {
  name: string;
  /** Before the traffic begins. */
  arm?: (strike: Strike) => Promise<void>;
  /** While it runs. Resolves when what was hurt says that it is ready again: whether it was hurt at all. */
  strike: (strike: Strike) => Promise<boolean>;
  /** JetStream is emptied. */
  wipesStream?: boolean;
}

/** Passed only when a target is mended, undone or made anew, which this traffic does not bring about. */
const NOT_IN_TRAFFIC: CrashPoint[] = [
  'executor.unmap-lun',
  'executor.delete-acl',
  'executor.delete-lun',
  'executor.delete-portal',
  'executor.delete-tpg',
  'executor.step-undone',
  'executor.set-acl-attributes',
];

const AFTER_TRAFFIC_MS = 12_000;

const OWNERS: Record<string, ServiceName[]> = {
  gateway: ['gateway'],
  targets: ['targets-service'],
  relay: ['targets-service'],
  executor: ['storage-node-executor'],
  audit: ['audit-service'],
  service: ['targets-service', 'storage-node-executor'],
};

const crash = (point: CrashPoint, name: ServiceName, label: string): Fault => ({
  name: label,
  arm: async ({ spindle, prng }) => {
    const service = new Service(spindle, name);
    await service.kill();
    await service.start({ SPINDLE_CRASH_POINT: `${point}:${prng.int(1, 2)}` });
  },
  strike: async ({ spindle, busy }) => {
    const service = new Service(spindle, name);
    // The trail and the streams come after the clients have their answers.
    for (let until = Infinity; Date.now() < until && (await service.isRunning()); await sleep(100))
      if (!busy() && until === Infinity) until = Date.now() + AFTER_TRAFFIC_MS;
    const died = !(await service.isRunning());
    if (!died) await service.kill();
    await service.start();
    return died;
  },
});

/** At a moment of its own, but while there is something to be hurt. */
const soon = ({ prng }: Strike): Promise<void> => sleep(prng.int(200, 2_000));

const pause = (name: ServiceName): Fault => ({
  name: `pause.${name}`,
  strike: async (strike) => {
    const service = new Service(strike.spindle, name);
    await soon(strike);
    await service.signal('SIGSTOP');
    await sleep(strike.prng.int(1_000, 6_000));
    await service.signal('SIGCONT');
    await untilReady(strike.spindle, name);
    return true;
  },
});

const outage = (name: string, hurt: (strike: Strike) => Promise<unknown>, more: Partial<Fault> = {}): Fault => ({
  name,
  strike: async (strike) => {
    await soon(strike);
    await hurt(strike);
    await untilAllReady(strike.spindle);
    return true;
  },
  ...more,
});

const wipeStreams = async ({ spindle }: Strike): Promise<void> => {
  await spindle.nats.kill();
  const store = join(spindle.endpoints.image_root, '../nats/jetstream');
  for (const entry of readdirSync(store)) rmSync(join(store, entry), { recursive: true, force: true });
  await spindle.restartNats();
};

/** An administrator's own targetcli, which keeps the lock until it is left. */
const holdLock = async ({ spindle, prng }: Strike): Promise<unknown> =>
  spindle.lab.exec(
    `export HOME=/run/home TARGETCLI_HOME=/run/admin; mkdir -p $TARGETCLI_HOME; sleep ${prng.int(2, 6)} | targetcli >/dev/null 2>&1`,
  );

/** Through the proxy for one life of the service: its next start is without. */
const network = (name: ServiceName, server: 'nats' | 'postgres', weather: Weather): Fault => {
  let proxy: TcpProxy | undefined;
  return {
    name: `network.${weather}.${server}.${name}`,
    arm: async ({ spindle, prng }) => {
      proxy = await TcpProxy.start(spindle[server].port, prng.fork());
      const service = new Service(spindle, name);
      const host = name === 'storage-node-executor' ? '10.0.2.2' : '127.0.0.1';
      const env: Record<string, string> =
        server === 'nats'
          ? { NATS_URL: `nats://${host}:${proxy.port}` }
          : { DATABASE_URL: Object.assign(new URL(service.setting('DATABASE_URL')), { port: proxy.port }).toString() };
      await service.kill();
      await service.start(env);
    },
    strike: async (strike) => {
      await soon(strike);
      proxy!.set(weather);
      await sleep(strike.prng.int(2_000, 6_000));
      proxy!.set('clear');
      await untilAllReady(strike.spindle);
      while (strike.busy()) await sleep(100);
      const service = new Service(strike.spindle, name);
      await service.kill();
      await proxy!.stop();
      await service.start();
      return true;
    },
  };
};

const crashes = CRASH_POINTS.filter((point) => !NOT_IN_TRAFFIC.includes(point)).flatMap((point) => {
  const owners = OWNERS[point.split('.')[0]!]!;
  return owners.map((name) => crash(point, name, owners.length > 1 ? `${name}.${point.split('.')[1]}` : point));
});

/** Everything that `npm run chaos` can do to a Spindle, by name. */
export const FAULTS: Fault[] = [
  ...crashes,
  ...SERVICES.map(pause),
  outage('nats.kill', ({ spindle, prng }) => spindle.restartNats(prng.int(0, 3_000))),
  outage('nats.wipe', wipeStreams, { wipesStream: true }),
  outage('postgres.kill', ({ spindle, prng }) => spindle.restartPostgres(prng.int(0, 3_000))),
  outage('node.power-cut', ({ spindle }) => spindle.rebootLab()),
  outage('node.lock-held', holdLock),
  network('targets-service', 'nats', 'delay'),
  network('targets-service', 'nats', 'reset'),
  network('targets-service', 'nats', 'partition'),
  network('storage-node-executor', 'nats', 'reset'),
  network('storage-node-executor', 'nats', 'partition'),
  network('targets-service', 'postgres', 'reset'),
  network('targets-service', 'postgres', 'partition'),
];

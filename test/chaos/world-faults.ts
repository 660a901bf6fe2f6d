import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { headers } from 'nats';
import { EDITS, editByHand, type EditName } from './edits-by-hand';
import { SERVICES, Service, untilAllReady, untilReady, type ServiceName } from './services';
import type { Fault, Strike } from './strike';
import { TARGETCLI_WRAPPER, behave, installWrapper } from './targetcli-wrapper';
import { TcpProxy, type Weather } from './tcp-proxy';

const MENDED_LIMIT_MS = 60_000;
/** On what the harness sends again itself. */
const MARK = 'Spindle-Chaos';

/** At a moment of its own, but while there is something to be hurt. */
const soon = ({ prng }: Strike): Promise<void> => sleep(prng.int(200, 2_000));

/** Nothing is armed before the traffic. */
const sudden = (name: string, hurt: (strike: Strike) => Promise<unknown>, more: Partial<Fault> = {}): Fault => ({
  name,
  arm: (strike) =>
    Promise.resolve(async () => {
      await soon(strike);
      await hurt(strike);
      await untilAllReady(strike.spindle);
      return true;
    }),
  ...more,
});

const kill = (name: ServiceName): Fault =>
  sudden(`kill.${name}`, async ({ spindle }) => {
    const service = new Service(spindle, name);
    await service.kill();
    await service.start();
  });

const pause = (name: ServiceName): Fault =>
  sudden(`pause.${name}`, async ({ spindle, prng }) => {
    const service = new Service(spindle, name);
    await service.signal('SIGSTOP');
    await sleep(prng.int(1_000, 6_000));
    await service.signal('SIGCONT');
    await untilReady(spindle, name);
  });

const wipeStreams = async ({ spindle }: Strike): Promise<void> => {
  await spindle.nats.kill();
  const store = join(spindle.endpoints.image_root, '../nats/jetstream');
  for (const entry of readdirSync(store)) rmSync(join(store, entry), { recursive: true, force: true });
  await spindle.restartNats();
};

/** One of the executor's two processes alone: the other one stays and goes on. */
const killPart = (part: 'root' | 'bus'): Fault =>
  sudden(`kill.storage-node-executor.${part}`, async ({ spindle }) => {
    await spindle.lab.killExecutor('SIGKILL', [part]);
    await spindle.lab.startExecutor();
  });

const pausePart = (part: 'root' | 'bus'): Fault =>
  sudden(`pause.storage-node-executor.${part}`, async ({ spindle, prng }) => {
    await spindle.lab.killExecutor('SIGSTOP', [part]);
    await sleep(prng.int(1_000, 6_000));
    await spindle.lab.killExecutor('SIGCONT', [part]);
    await untilReady(spindle, 'storage-node-executor');
  });

/** An administrator's own targetcli, which keeps the lock until it is left. */
const holdLock = ({ spindle, prng }: Strike): Promise<unknown> =>
  spindle.lab.exec(
    `export HOME=/run/home TARGETCLI_HOME=/run/admin; mkdir -p $TARGETCLI_HOME; sleep ${prng.int(2, 6)} | targetcli >/dev/null 2>&1`,
  );

/** Resolves when the change was seen, and mended: two more versions of the target. */
const changeByHand = async ({ spindle, prng, settled }: Strike): Promise<void> => {
  let [target] = await settled();
  for (; !target; [target] = await settled()) await sleep(200);
  // of a disk that others are on, what is wrong is mended by the next wish of any of them, before anybody has looked for drift
  const edits = (Object.keys(EDITS) as EditName[]).filter((name) => !target.read_only || name !== 'set-access-state');
  await editByHand(spindle, prng.shuffled(edits)[0]!, target);
  for (const until = Date.now() + MENDED_LIMIT_MS; Date.now() < until; await sleep(200)) {
    const [now] = (await settled()).filter(({ id }) => id === target.id);
    if (now && now.version >= target.version + 2) return;
  }
  throw new Error('what was changed by hand was not mended');
};

/** A service that is started otherwise for the time of one run. */
const otherwise = async (
  { spindle, busy }: Strike,
  name: ServiceName,
  env: Record<string, string>,
  hurt: () => Promise<void>,
): Promise<() => Promise<boolean>> => {
  const service = new Service(spindle, name);
  await service.kill();
  await service.start(env);
  return async () => {
    await hurt();
    await untilAllReady(spindle);
    while (busy()) await sleep(100);
    await service.kill();
    await service.start();
    return true;
  };
};

const hangTargetcli: Fault = {
  name: 'node.targetcli-hangs',
  ofTargetcli: true,
  mayFailWith: ['TARGETCLI_TIMEOUT'],
  arm: async (strike) => {
    const { spindle, prng } = strike;
    await installWrapper(spindle);
    await behave(spindle, 'stall /acls create');
    const env = { TARGETCLI_PATH: TARGETCLI_WRAPPER, TARGETCLI_TIMEOUT_MS: '3000' };
    return otherwise(strike, 'storage-node-executor', env, async () => {
      await sleep(prng.int(3_000, 7_000));
      await behave(spindle, 'honest');
    });
  },
};

/** Through the proxy for one life of the service: its next start is without. */
const network = (name: ServiceName, server: 'nats' | 'postgres', weather: Weather): Fault => ({
  name: `network.${weather}.${server}.${name}`,
  arm: async (strike) => {
    const { spindle, prng } = strike;
    const proxy = await TcpProxy.start(spindle[server].port, prng.fork());
    const host = name === 'storage-node-executor' ? '10.0.2.2' : '127.0.0.1';
    const env: Record<string, string> =
      server === 'nats'
        ? { NATS_URL: `nats://${host}:${proxy.port}` }
        : { DATABASE_URL: withPort(new Service(spindle, name).setting('DATABASE_URL'), proxy.port) };
    const strikes = await otherwise(strike, name, env, async () => {
      await soon(strike);
      proxy.set(weather);
      await sleep(prng.int(2_000, 6_000));
      proxy.set('clear');
    });
    return () => strikes().finally(() => proxy.stop());
  },
});

const withPort = (url: string, port: number): string => Object.assign(new URL(url), { port }).toString();

/** What was sent once arrives again, up to three times more, some seconds later and in any order. */
const repeat = (what: string, subject: string): Fault => ({
  name: `messages.repeated.${what}`,
  arm: ({ spindle, prng, busy }) => {
    const sent: Promise<void>[] = [];
    const echoed = headers();
    echoed.set(MARK, 'again');
    const echo = async (data: Uint8Array, to: string) => {
      await sleep(prng.int(0, 4_000));
      spindle.adminBus.publish(to, data, { headers: echoed });
    };
    const tap = spindle.adminBus.subscribe(subject, {
      callback: (_, message) => {
        if (message.headers?.has(MARK)) return;
        for (let left = prng.int(1, 3); left > 0; left--) sent.push(echo(message.data, message.subject));
      },
    });
    return Promise.resolve(async () => {
      while (busy()) await sleep(100);
      tap.unsubscribe();
      await Promise.all(sent);
      return sent.length > 0;
    });
  },
});

export const WORLD: Fault[] = [
  ...SERVICES.map(kill),
  ...SERVICES.map(pause),
  ...(['root', 'bus'] as const).flatMap((part) => [killPart(part), pausePart(part)]),
  sudden('nats.kill', ({ spindle, prng }) => spindle.restartNats(prng.int(0, 3_000))),
  sudden('nats.wipe', wipeStreams, { wipesStream: true }),
  sudden('postgres.kill', ({ spindle, prng }) => spindle.restartPostgres(prng.int(0, 3_000))),
  sudden('node.power-cut', ({ spindle }) => spindle.rebootLab()),
  sudden('node.lock-held', holdLock),
  sudden('node.changed-by-hand', changeByHand),
  hangTargetcli,
  repeat('audit-intents', 'audit-intent.>'),
  repeat('wishes', 'storage-node.*.apply'),
  network('gateway', 'nats', 'partition'),
  network('targets-service', 'nats', 'delay'),
  network('targets-service', 'nats', 'reset'),
  network('targets-service', 'nats', 'partition'),
  network('storage-node-executor', 'nats', 'reset'),
  network('storage-node-executor', 'nats', 'partition'),
  network('audit-service', 'nats', 'partition'),
  network('targets-service', 'postgres', 'reset'),
  network('targets-service', 'postgres', 'partition'),
  network('audit-service', 'postgres', 'reset'),
];

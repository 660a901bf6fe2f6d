import { setTimeout as sleep } from 'node:timers/promises';
import { GRANTED, StorageNode, wishFor } from './storage-node';

jest.setTimeout(60_000);

let node: StorageNode;
beforeAll(async () => {
  node = await StorageNode.start();
});
afterAll(() => node?.stop());
afterEach(() => {
  node.answer = GRANTED;
  node.wishes = [];
});

const NOT_HELD = 'This executor does not hold the node.';
const accepted = async (wish: Parameters<StorageNode['apply']>[0]) => {
  for (let left = 100; left > 0; left--, await sleep(100)) if ((await node.failure(wish)).code === 'NONE') return;
  throw new Error(node.executorLog());
};

test('without a lease nothing is changed, and with one again the wish is met', async () => {
  const wish = wishFor(node.image());
  node.answer = { ...GRANTED, lease_ms: 1_000 };
  await node.apply(wish);
  await node.reported(({ saved_config }) => saved_config.state === 'saved');
  const before = await node.tree();

  node.answer = null; // targets-service cannot be reached
  await sleep(12_000);
  const refused = await node.failure({ ...wish, generation: 2, state: 'absent' });
  const tree = await node.tree();
  node.answer = GRANTED;
  await accepted({ ...wish, generation: 2, state: 'absent' });

  expect(refused).toMatchObject({ code: 'NODE_BUSY', text: NOT_HELD });
  expect(tree).toBe(before);
});

test('an executor that is told of another one changes nothing until the node is its own again, and then asks for its whole wish', async () => {
  const [wish, later] = [wishFor(node.image()), wishFor(node.image())];
  node.answer = { accepted: false, lease_ms: 0, reason: 'Another executor is at work for node x.', held: false };
  node.reports.length = 0;
  await node.reported(() => node.reports.length > 1);

  const refused = await node.failure(wish);
  node.wishes = [later];
  node.answer = GRANTED;
  const report = await node.reported(({ targets }) => targets === 1, 20_000);

  expect(refused).toMatchObject({ code: 'NODE_BUSY', text: NOT_HELD });
  expect(report.status).toBe('online');
  await node.apply({ ...later, generation: 2, state: 'absent' });
});

test('a process that was stopped and wakes late does not act on what it was doing', async () => {
  const wish = wishFor(node.image());
  node.answer = { ...GRANTED, lease_ms: 1_500 };
  await node.startExecutor({ TARGETCLI_IDLE_MS: '0' });
  await accepted({ ...wish, state: 'absent' });
  const clean = await node.tree();
  const pid = await node.sh('cat /run/executor.pid');

  // stopped as soon as its target is there: the steps after it are to come
  const stopped = node.sh(`while [ ! -d /sys/kernel/config/target/iscsi/${wish.iqn} ]; do sleep 0.01; done; kill -STOP ${pid}`);
  const reply = node.apply({ ...wish, generation: 2 });
  await stopped;
  await sleep(2_500);
  node.answer = null;
  await node.sh(`kill -CONT ${pid}`);
  const { outcome, error } = await reply;
  const half = await node.tree();
  const enabled = await node.sh(`cat /sys/kernel/config/target/iscsi/${wish.iqn}/tpgt_1/enable`);
  node.answer = GRANTED;
  await accepted({ ...wish, generation: 2 });
  await node.apply({ ...wish, generation: 3, state: 'absent' });

  expect({ outcome, code: error?.code }).toEqual({ outcome: 'unknown', code: 'NODE_BUSY' });
  expect(half).not.toBe(clean);
  expect(enabled).toBe('0');
  expect(await node.tree()).toBe(clean);
});

/** Both parts of another executor; what is said and how it ends is of the root part. */
const second = (env: string) => `set -a; . /run/control/executor.env; HEALTH_PORT=3999; EXECUTOR_USER=0; ${env}; set +a
  cd /; root="$(tr '\\0' '\\n' </proc/$(cat /run/executor.pid)/cmdline | sed -n 2p)"
  "${process.execPath}" "$(dirname "$root")/main.js" >/dev/null 2>&1 & bus=$!
  timeout 30 "${process.execPath}" "$root" 2>&1 >/run/second.log; echo "exit $?"; kill $bus; cat /run/second.log`;

test('a second executor on the same state folder refuses to start, in words', async () => {
  const said = await node.sh(second('ROOT_SOCKET=/run/second/root.sock'));

  expect(said).toContain('STATE_DIR: another executor is running on /var/lib/spindle');
  expect(said).toContain('exit 1');
  expect(node.lab.executorIsRunning()).toBe(true);
});

test('a second executor for the same node is refused by targets-service and leaves with the reason', async () => {
  node.answer = { accepted: false, lease_ms: 0, reason: 'Another executor is at work for node node-under-test.', held: false };

  const said = await node.sh(second('ROOT_SOCKET=/run/second/root.sock; STATE_DIR=/run/second-state'));
  node.answer = GRANTED;

  expect(said).toContain('Another executor is at work for node node-under-test.');
  expect(said).toContain('exit 1');
});

test('each start is an instance of its own, and names the one before it on the same state folder', async () => {
  await node.startExecutor();
  const first = await node.reported(() => true);
  await node.reported(() => node.reports.length > 1);
  await node.lab.killExecutor('SIGKILL');
  await node.startExecutor();
  const next = await node.reported(() => true);

  expect(next.instance).not.toBe(first.instance);
  expect(next.previous_instances).toEqual([first.instance]);
  expect(await node.sh('stat -c %a /var/lib/spindle/instances')).toBe('600');
});

test('the part on NATS may do nothing on the node: another user, no rights, and no way to the kernel, the journal or the key', async () => {
  const bus = '$(cat /run/executor-bus.pid)';
  const status = await node.sh(`grep -E '^(Uid|CapEff|CapPrm|NoNewPrivs)' /proc/${bus}/status`);
  const as = `setpriv --reuid=$(stat -c %u /proc/${bus}) --regid=$(stat -c %g /proc/${bus}) --clear-groups`;
  const reached = await node.sh(`for path in /var/lib/spindle/journal.ndjson /var/lib/spindle/sealing-key.pem /etc/rtslib-fb-target; do
      ${as} test -r $path && echo $path
    done; ${as} mkdir /sys/kernel/config/target/iscsi/iqn.2025-01.io.spindle:stolen 2>/dev/null && echo configfs; true`);
  const socket = await node.sh('stat -c "%a %u" /run/spindle-node /run/spindle-node/root.sock');

  expect(status).toMatch(/Uid:\s65534\s65534\s65534\s65534/);
  expect(status).toMatch(/CapPrm:\s0+\nCapEff:\s0+\nNoNewPrivs:\s1/);
  expect(reached).toBe('');
  expect(socket.split('\n')).toEqual(['711 0', '600 65534']);
});

test('each part outlives the other, which goes on when it is there again', async () => {
  const wish = wishFor(node.image());
  await node.apply(wish);
  const { instance, connection } = node.reports.at(-1)!;

  await node.lab.killExecutor('SIGKILL', ['bus']);
  node.reports.length = 0;
  await node.lab.startExecutor();
  const afterBus = await node.reported((report) => report.connection > connection);
  await node.lab.killExecutor('SIGKILL', ['root']);
  node.reports.length = 0;
  const away = await node.failure({ ...wish, generation: 2, state: 'absent' });
  await node.lab.startExecutor();
  const afterRoot = await node.reported(() => true);
  await accepted({ ...wish, generation: 2, state: 'absent' });

  expect(afterBus).toMatchObject({ instance, targets: 1 });
  expect(away.code).toBe('NODE_OFFLINE');
  expect(afterRoot.previous_instances).toEqual([instance]);
});

test('what is at work when the part on NATS dies is finished, and what waits behind it is not begun', async () => {
  const [first, behind] = [wishFor(node.image()), wishFor(node.image())];
  const begun = node.sh(`while [ ! -d /sys/kernel/config/target/iscsi/${first.iqn} ]; do sleep 0.01; done`);

  node.apply(first).catch(() => undefined);
  node.apply(behind).catch(() => undefined);
  await begun;
  await node.lab.killExecutor('SIGKILL', ['bus']);
  await node.sh(`until [ "$(cat /sys/kernel/config/target/iscsi/${first.iqn}/tpgt_1/enable)" = 1 ]; do sleep 0.05; done; sleep 1`);
  const names = await node.sh('ls /sys/kernel/config/target/iscsi');
  await node.lab.startExecutor();
  await accepted({ ...first, generation: 2, state: 'absent' });

  expect(names).toContain(first.iqn);
  expect(names).not.toContain(behind.iqn);
});

import { rmSync, truncateSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { MISBEHAVING, StorageNode, wishFor } from './storage-node';

jest.setTimeout(60_000);

const COMMAND_MS = 5_000;

let node: StorageNode;
let clean: string;
beforeAll(async () => {
  node = await StorageNode.start();
  await node.putMisbehavingTargetcli();
  await node.startExecutor({ TARGETCLI_PATH: MISBEHAVING, TARGETCLI_TIMEOUT_MS: String(COMMAND_MS), TARGETCLI_IDLE_MS: '0' });
  await node.sh('targetcli pwd'); // the first one of a boot sets dbroot
  clean = await node.tree();
});
afterAll(() => node?.stop());
afterEach(async () => {
  await behave('honest');
});

const behave = (mode: string) => node.behave(mode);

/** Runs a script of targetcli as an administrator would. */
const byHand = (...lines: string[]) => node.sh(`targetcli <<'END'\n${lines.join('\n')}\nEND`);

describe('a fault in the world', () => {
  test('a portal that another program holds is named, and nothing is left', async () => {
    await node.sh(`cat >/run/listen.py <<'END'
import socket, time
s = socket.socket(); s.bind(('10.0.2.15', 3260)); s.listen(); open('/run/listening', 'w'); time.sleep(600)
END
setsid python3 /run/listen.py >/dev/null 2>&1 & echo $! >/run/listen.pid; while [ ! -e /run/listening ]; do sleep 0.05; done`);

    const failure = await node.failure(wishFor(node.image()));
    await node.sh('kill $(cat /run/listen.pid)');

    expect(failure).toMatchObject({ code: 'PORTAL_IN_USE', step: 'create-portal', outcome: 'failed' });
    expect(await node.tree()).toBe(clean);
  });

  test('an image file that is gone is named, and none is made in its place', async () => {
    const image = node.image();
    rmSync(node.imagePath(image.file));

    expect(await node.failure(wishFor(image))).toMatchObject({ code: 'BACKING_FILE_MISSING', step: 'create-backstore', outcome: 'failed' });
    expect((await node.inspect(image.file)).result).toBe('missing');
    expect(await node.tree()).toBe(clean);
  });

  test('an image file of another size than registered is not exported', async () => {
    const image = node.image();
    truncateSync(node.imagePath(image.file), 4096);

    expect(await node.failure(wishFor(image))).toMatchObject({ code: 'BACKING_FILE_CHANGED', outcome: 'failed' });
    expect(await node.tree()).toBe(clean);
  });

  test('a read-only image folder is named by the failure and by the node’s own checks', async () => {
    const image = node.image();
    await node.sh('mount -o remount,ro,bind /data/images || mount -o remount,ro /data/images');

    const failure = await node.failure(wishFor(image));
    const report = await node.reported(({ checks }) => checks.some(({ name, ok }) => name === 'image-root-writable' && !ok), 15_000);
    await node.sh('mount -o remount,rw,bind /data/images || mount -o remount,rw /data/images');

    expect(failure).toMatchObject({ code: 'BACKING_FILE_UNUSABLE', step: 'create-backstore', outcome: 'failed' });
    expect(report.checks.find(({ name }) => name === 'image-root-writable')?.fix).toContain('read-write');
    expect(await node.tree()).toBe(clean);
  });

  test('a target of somebody else under the wished name is not touched, by a create or by a delete', async () => {
    const wish = wishFor(node.image());
    await byHand(`/iscsi create ${wish.iqn}`);
    const before = await node.tree();

    const made = await node.failure(wish);
    const deleted = await node.failure({ ...wish, generation: 2, state: 'absent' });

    expect(made).toMatchObject({ code: 'FOREIGN_OBJECT', step: 'create-target', outcome: 'failed' });
    expect(deleted).toMatchObject({ code: 'FOREIGN_OBJECT' });
    expect(await node.tree()).toBe(before);
    await node.reported(({ foreign }) => foreign.some(({ kind, name }) => kind === 'target' && name === wish.iqn));
    await byHand(`/iscsi delete ${wish.iqn}`);
  });

  test('a backstore of somebody else under our name or on our file is not touched', async () => {
    const [named, filed] = [node.image(), node.image()];
    await byHand(
      `/backstores/fileio create spindle-${named.id} /data/images/${named.file}`,
      `/backstores/fileio create theirs /data/images/${filed.file}`,
    );
    const before = await node.tree();

    const sameName = await node.failure(wishFor(named));
    const sameFile = await node.failure(wishFor(filed));

    expect(sameName).toMatchObject({ code: 'FOREIGN_OBJECT', step: 'create-backstore', outcome: 'failed' });
    expect(sameFile).toMatchObject({ code: 'FOREIGN_OBJECT', step: 'create-backstore', outcome: 'failed' });
    expect(sameFile.text).toContain('backstore theirs');
    expect(await node.tree()).toBe(before);
    await byHand(`/backstores/fileio delete spindle-${named.id}`, '/backstores/fileio delete theirs');
  });

  test('another backstore that lost its file, which stops targetcli from making any, is named', async () => {
    const other = node.image();
    await byHand(`/backstores/fileio create bereft /data/images/${other.file}`);
    await node.sh(`rm /data/images/${other.file}`); // in the lab: hostfs would still find one that is open
    const before = await node.tree();

    const failure = await node.failure(wishFor(node.image()));

    expect(failure).toMatchObject({ code: 'BACKING_FILE_MISSING', step: 'create-backstore', outcome: 'failed' });
    expect(failure.text).toContain('bereft');
    expect(await node.tree()).toBe(before);
    await byHand('/backstores/fileio delete bereft');
  });

  test('a lock held by an open shell is answered with who holds it, and reads go on', async () => {
    const wish = wishFor(node.image());
    await node.sh(
      'mkfifo /run/shell; (sleep 600 >/run/shell & echo $! >/run/shell.pid); setsid targetcli </run/shell >/dev/null 2>&1 & until grep -q "FLOCK .*:$(stat -c %i /run/targetcli.lock) " /proc/locks; do sleep 0.1; done',
    );

    const failure = await node.failure(wish);
    const live = await node.live(wish);
    const report = await node.reported(({ message }) => message !== null);
    await node.measured('spindle_node_lock_wait_seconds', (seconds) => seconds > 1);
    await node.sh('kill $(cat /run/shell.pid); while ! flock -n /run/targetcli.lock true; do sleep 0.1; done');

    expect(failure.code).toBe('NODE_BUSY');
    expect(failure.text).toMatch(/held by pid \d+ \(targetcli\)/);
    expect(report.message).toMatch(/held by pid \d+ \(targetcli\)/);
    expect(live.drift).not.toEqual([]);
    await node.measured('spindle_node_lock_wait_seconds', (seconds) => seconds === 0);
    expect((await node.apply(wish)).outcome).toBe('done');
    await node.apply({ ...wish, generation: 2, state: 'absent' });
  });
});

const STEPS = [
  ['create-backstore', 'fileio create'],
  ['set-backstore-attributes', 'fileio/.*attribute'],
  ['create-target', '^/iscsi create'],
  ['set-tpg-attributes', 'tpg1 set attribute'],
  ['create-lun', 'luns create'],
  ['create-acl', 'acls create'],
  ['map-lun', 'mapped_lun='],
  ['create-portal', 'portals create'],
  ['enable-tpg', 'tpg1 enable'],
] as const;

describe('a fault at each step leaves the node as it was', () => {
  test.each(STEPS)('%s is refused', async (step, pattern) => {
    await behave(`break ${pattern}`);

    expect(await node.failure(wishFor(node.image()))).toMatchObject({ step, outcome: 'failed' });
    expect(await node.tree()).toBe(clean);
  });

  const some = (...names: string[]) => STEPS.filter(([step]) => names.includes(step));

  test.each(some('create-backstore', 'create-acl', 'enable-tpg'))('%s has its effect and is refused', async (step, pattern) => {
    await behave(`after ${pattern}`);

    expect(await node.failure(wishFor(node.image()))).toMatchObject({ step, outcome: 'failed' });
    expect(await node.tree()).toBe(clean);
  });

  test.each(some('create-lun', 'enable-tpg'))('targetcli ends in the middle of %s', async (step, pattern) => {
    await behave(`quit ${pattern}`);

    expect(await node.failure(wishFor(node.image()))).toMatchObject({ step, outcome: 'failed' });
    expect(await node.tree()).toBe(clean);
  });

  test.each(some('create-target', 'enable-tpg'))('%s is said to be done and has no effect', async (_, pattern) => {
    await behave(`swallow ${pattern}`);

    expect(await node.failure(wishFor(node.image()))).toMatchObject({ outcome: 'failed' });
    expect(await node.tree()).toBe(clean);
  });

  test('an object that somebody else makes at the same moment stays theirs, and is named', async () => {
    const wish = wishFor(node.image());
    const backstore = `spindle-${wish.disk.disk_id}`;
    await behave('race ^/iscsi create');
    const target = await node.failure(wish);
    const targets = await node.sh('ls /sys/kernel/config/target/iscsi');
    await byHand(`/iscsi delete ${wish.iqn}`);
    await behave('race fileio create');
    const disk = await node.failure({ ...wish, generation: 2 });
    const report = await node.reported(({ foreign }) => foreign.some(({ name }) => name === backstore));
    await byHand(`/backstores/fileio delete ${backstore}`);

    expect(target).toMatchObject({ code: 'FOREIGN_OBJECT', step: 'create-target', outcome: 'failed' });
    expect(targets).toContain(wish.iqn);
    expect(disk).toMatchObject({ code: 'FOREIGN_OBJECT', step: 'create-backstore', outcome: 'failed' });
    expect(report.foreign).toEqual([{ kind: 'backstore', name: backstore }]);
    expect(await node.tree()).toBe(clean);
  });

  test('a step that hangs is given up in time, with no process left', async () => {
    await behave('stall luns create');

    const began = Date.now();
    const failure = await node.failure(wishFor(node.image()));

    expect(failure).toMatchObject({ code: 'TARGETCLI_TIMEOUT', step: 'create-lun', outcome: 'failed' });
    expect(Date.now() - began).toBeLessThan(3 * COMMAND_MS);
    expect(await node.tree()).toBe(clean);
    expect(await node.sh('pgrep -c "sleep|targetcli" || true')).toBe('0');
    await node.measured('spindle_node_targetcli_timeouts_total', (count) => count > 0);
  });

  test('what cannot be undone is unknown, and the same wish finishes it later', async () => {
    const wish = wishFor(node.image());
    await behave('break (portals create|delete tag|iscsi delete)');

    const failure = await node.failure(wish);
    await behave('honest');
    const reply = await node.apply(wish);

    expect(failure).toMatchObject({ code: 'UNDO_FAILED', step: 'create-portal', outcome: 'unknown' });
    expect(reply.outcome).toBe('done');
    await node.apply({ ...wish, generation: 2, state: 'absent' });
    expect(await node.tree()).toBe(clean);
  });

  test('a delete that stops in the middle is finished by the same wish', async () => {
    const wish = wishFor(node.image());
    await node.apply(wish);
    await behave('quit fileio delete');

    const failure = await node.failure({ ...wish, generation: 2, state: 'absent' });
    await behave('honest');
    const reply = await node.apply({ ...wish, generation: 2, state: 'absent' });

    expect(failure).toMatchObject({ step: 'delete-unused-backstore', outcome: 'unknown' });
    expect(reply.outcome).toBe('done');
    expect(await node.tree()).toBe(clean);
  });
});

describe('a program at TARGETCLI_PATH that is not targetcli', () => {
  // what the test before has changed is saved by an honest process, which would serve the next wish too
  beforeEach(async () => {
    node.reports.length = 0;
    await node.reported(({ saved_config }) => saved_config.state !== 'pending');
    await node.sh('while pgrep -f bin/targetcli >/dev/null; do sleep 0.05; done');
  });

  test.each([
    ['silent', 'ends at once with 0', 'TARGETCLI_MISSING'],
    ['garbage', 'prints garbage', 'TARGETCLI_MISSING'],
    ['ansi', 'prints colours', 'TARGETCLI_MISSING'],
    ['flood', 'prints 100 MB', 'TARGETCLI_FAILED'],
    ['hang', 'hangs', 'TARGETCLI_TIMEOUT'],
    ['stubborn', 'hangs and ignores SIGTERM', 'TARGETCLI_TIMEOUT'],
  ])('%s: it %s', async (mode, _, code) => {
    await behave(mode);

    const failure = await node.failure(wishFor(node.image()));

    expect(failure).toMatchObject({ code, step: 'start-targetcli', outcome: 'failed' });
    expect(await node.tree()).toBe(clean);
    expect(await node.sh('pgrep -cf /run/fault/targetcli || true')).toBe('0');
    expect(await memoryMb()).toBeLessThan(250);
  });

  test('none is there', async () => {
    await node.sh('mv /run/fault/targetcli /run/fault/away');

    const failure = await node.failure(wishFor(node.image()));
    await node.sh('mv /run/fault/away /run/fault/targetcli');

    expect(failure).toMatchObject({ code: 'TARGETCLI_MISSING', step: 'start-targetcli', outcome: 'failed' });
  });

  test('one that hangs in the kernel wedges the node until it is let go', async () => {
    await node.sh(`modprobe loop && truncate -s 16M /run/frozen.img && mkfs.ext4 -q /run/frozen.img && mkdir -p /run/frozen && mount -o loop /run/frozen.img /run/frozen
      fsfreeze -f /run/frozen`);
    await behave('frozen');

    const first = await node.failure(wishFor(node.image()));
    const second = await node.failure(wishFor(node.image()));
    const report = await node.reported(({ status }) => status === 'wedged');
    await node.measured('spindle_node_hung_processes', (count) => count > 0);
    await node.sh('fsfreeze -u /run/frozen');
    await behave('honest');
    await sleep(500);
    const wish = wishFor(node.image());
    const healed = await node.apply(wish);

    expect(first.code).toBe('NODE_WEDGED');
    expect(second.code).toBe('NODE_WEDGED');
    expect(report.message).toMatch(/pid \d+, state D/);
    expect(healed.outcome).toBe('done');
    await node.apply({ ...wish, generation: 2, state: 'absent' });
  });
});

const memoryMb = async () => Number(await node.sh("awk '/VmRSS/ {print int($2 / 1024)}' /proc/$(cat /run/executor.pid)/status"));

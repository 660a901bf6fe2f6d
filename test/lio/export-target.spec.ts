import { existsSync } from 'node:fs';
import { holdLogin, inquire, qemuIo, readCapacity } from '#embedded';
import { IMAGE_BYTES, PREFIX, StorageNode, wishFor } from './storage-node';

jest.setTimeout(30_000);

let node: StorageNode;
beforeAll(async () => {
  node = await StorageNode.start();
}, 60_000);
afterAll(() => node?.stop(), 30_000);

const loginOf = (wish: { iqn: string; initiator_iqn: string }) => ({
  portal: node.lab.portal,
  iqn: wish.iqn,
  initiator: wish.initiator_iqn,
});

test('a created target shows its disk to its initiator and refuses every other', async () => {
  const wish = wishFor(node.image());

  const reply = await node.apply(wish);

  expect(reply).toMatchObject({ outcome: 'done', error: null });
  expect(await readCapacity(loginOf(wish))).toEqual({ bytes: IMAGE_BYTES, blockBytes: 512 });
  await expect(inquire({ ...loginOf(wish), initiator: `${PREFIX}:m-stranger` })).rejects.toThrow(/Authorization failure/);
  expect(await node.live(wish)).toMatchObject({
    enabled: true,
    portals: [{ address: '10.0.2.15', port: 3260 }],
    acls: [{ initiator_iqn: wish.initiator_iqn, luns: [{ lun: 0, read_only: false }] }],
    drift: [],
  });
});

test('what an initiator writes is read back by it, and lies in the image file', async () => {
  const wish = wishFor(node.image());
  await node.apply(wish);

  const output = await qemuIo(loginOf(wish), ['write -P 0xab 0 1M', 'flush', 'read -P 0xab 0 1M']);

  expect(output).toMatch(/wrote 1048576/);
  expect(await node.sh(`head -c 1048576 /data/images/${wish.disk.image_file} | tr -d '\\253' | wc -c`)).toBe('0');
});

test('a read-only image is shared by several targets, none of which can write', async () => {
  const image = node.image();
  const wishes = [1, 2, 3].map(() => wishFor(image, { readOnly: true }));

  const replies = await Promise.all(wishes.map((wish) => node.apply(wish)));

  expect(replies.map(({ outcome }) => outcome)).toEqual(['done', 'done', 'done']);
  expect(await node.sh('ls -d /sys/kernel/config/target/core/fileio_*/spindle-* | grep -c ' + image.id)).toBe('1');
  for (const wish of wishes) {
    await expect(qemuIo(loginOf(wish), ['read -P 0 0 1M'], { readOnly: true })).resolves.toMatch(/read 1048576/);
    await expect(qemuIo(loginOf(wish), ['write -P 0xcd 0 512'])).rejects.toThrow(/./);
  }
  expect(await node.sh(`tr -d '\\0' </data/images/${image.file} | wc -c`)).toBe('0');
});

test('a shared backstore goes with its last LUN and not before', async () => {
  const image = node.image();
  const [first, second] = [wishFor(image, { readOnly: true }), wishFor(image, { readOnly: true })];
  await node.apply(first);
  await node.apply(second);

  await node.apply({ ...first, generation: 2, state: 'absent' });
  const shown = await inquire(loginOf(second));
  await node.apply({ ...second, generation: 2, state: 'absent' });

  expect(shown.product).toBe('FILEIO');
  expect(await node.tree()).not.toContain(image.id);
});

test('an image that one target writes to is not exported a second time', async () => {
  const image = node.image();
  await node.apply(wishFor(image));

  expect(await node.failure(wishFor(image, { readOnly: true }))).toMatchObject({ code: 'IMAGE_IN_USE', outcome: 'failed' });
});

test('a deleted target leaves no LIO object and no session, and says whom it disconnected', async () => {
  const before = await node.tree();
  const wish = wishFor(node.image());
  await node.apply(wish);
  const login = await holdLogin(loginOf(wish));
  const secondPath = await holdLogin(loginOf(wish));
  const sessions = await node.sh(`cat /sys/kernel/config/target/iscsi/${wish.iqn}/fabric_statistics/iscsi_instance/sessions`);

  const idleOnly = await node.failure({ ...wish, generation: 2, state: 'absent', if_idle: true });
  const seen = await node.live(wish);
  const reply = await node.apply({ ...wish, generation: 2, state: 'absent' });
  await login.release();
  await secondPath.release();

  expect(sessions.trim()).toBe('2');
  expect(idleOnly.code).toBe('TARGET_IN_USE');
  expect(seen.sessions).toEqual([{ initiator_iqn: wish.initiator_iqn, address: expect.any(String), state: 'LOGGED_IN' }]);
  expect(reply).toMatchObject({ outcome: 'done', disconnected: 1 });
  expect(await node.tree()).toBe(before);
  expect(existsSync(node.imagePath(wish.disk.image_file))).toBe(true);
});

test('the same wish again changes nothing and starts no targetcli', async () => {
  const wish = wishFor(node.image());
  await node.apply(wish);
  await node.reported(({ saved_config }) => saved_config.state === 'saved');
  const before = await node.tree();
  // whoever holds the lock would stop a targetcli
  await node.sh('setsid flock /run/targetcli.lock sleep 5 >/dev/null 2>&1 & sleep 0.5');

  const reply = await node.apply(wish);

  expect(reply.outcome).toBe('done');
  expect(await node.tree()).toBe(before);
  await node.sh('while ! flock -n /run/targetcli.lock true; do sleep 0.1; done');
});

test('what was taken from a target by hand is seen as drift and put back by the same wish', async () => {
  const wish = wishFor(node.image());
  await node.apply(wish);
  const tpg = `/iscsi/${wish.iqn}/tpg1`;
  await node.sh(`targetcli <<'END'
${tpg}/acls delete ${wish.initiator_iqn}
${tpg}/acls create wwn=${PREFIX}:m-intruder
${tpg} set attribute generate_node_acls=1
${tpg}/portals create 10.0.2.15 3999
${tpg} disable
END`);

  const drifted = await node.live(wish);
  const reply = await node.apply(wish);

  expect(drifted.drift.map(({ kind, what }) => `${kind} ${what}`).sort()).toEqual([
    'different attribute cache_dynamic_acls', // the kernel sets it along with the other
    'different attribute generate_node_acls',
    'different enabled',
    'extra acl',
    'extra portal',
    'missing acl',
  ]);
  expect(reply.outcome).toBe('done');
  expect((await node.live(wish)).drift).toEqual([]);
  await expect(inquire(loginOf(wish))).resolves.toMatchObject({ vendor: 'LIO-ORG' });
});

test('a wish for another node is not heard', async () => {
  const before = await node.tree();

  const { code } = await node.failure(wishFor(node.image()), 'another-node');

  expect(code).toBe('SERVICE_UNAVAILABLE');
  expect(await node.tree()).toBe(before);
});

test('a lower generation is refused, also after a restart of the executor', async () => {
  const wish = wishFor(node.image());
  await node.apply({ ...wish, generation: 5 });

  const late = await node.failure({ ...wish, generation: 4, state: 'absent' });
  await node.startExecutor();
  const later = await node.failure({ ...wish, generation: 4, state: 'absent' });

  expect([late.code, later.code]).toEqual(['STALE_GENERATION', 'STALE_GENERATION']);
  expect((await node.live(wish)).drift).toEqual([]);
});

test('the journal of a killed executor still says what is ours', async () => {
  const wish = wishFor(node.image());
  await node.apply(wish);

  await node.lab.killExecutor('SIGKILL');
  expect(node.lab.executorIsRunning()).toBe(false);
  await node.startExecutor();
  const report = await node.reported(({ targets }) => targets > 0);
  const reply = await node.apply({ ...wish, generation: 2, state: 'absent' });

  expect(report.foreign).toEqual([]);
  expect(reply.outcome).toBe('done');
});

test('an image is what it is: a link, a folder and a file below one sector are told apart from a disk', async () => {
  const { file } = node.image();
  await node.sh('cd /data/images && ln -sf /etc/passwd link.img && mkdir -p folder.img && : >empty.img');

  expect(await node.inspect(file)).toEqual({ result: 'ok', size_bytes: IMAGE_BYTES });
  expect((await node.inspect('link.img')).result).toBe('not-a-file');
  expect((await node.inspect('folder.img')).result).toBe('not-a-file');
  expect((await node.inspect('empty.img')).result).toBe('empty');
  expect((await node.inspect('nowhere.img')).result).toBe('missing');
});

test('fifty wishes at once are met by one targetcli process', async () => {
  const image = node.image();
  const started = async () =>
    Number(/spindle_node_targetcli_started\S* (\d+)/.exec(await (await fetch(`${node.lab.healthUrl}/metrics`)).text())?.[1] ?? 0);
  const before = await started();
  const wishes = Array.from({ length: 50 }, () => wishFor(image, { readOnly: true }));

  const began = performance.now();
  const replies = await Promise.all(wishes.map((wish) => node.apply(wish)));
  const ms = performance.now() - began;
  process.stdout.write(`50 targets in one burst: ${Math.round(ms / 50)} ms each\n`);
  await new Promise((resolve) => setTimeout(resolve, 1_200));

  expect(replies.every(({ outcome }) => outcome === 'done')).toBe(true);
  expect((await started()) - before).toBeLessThanOrEqual(1);
}, 60_000);

test('a target that has not its id in its name is never touched, not even by a wish that says it was confirmed', async () => {
  const foreign = `/sys/kernel/config/target/iscsi/${PREFIX}:of-somebody-else`;
  const wish = { ...wishFor(node.image()), iqn: `${PREFIX}:of-somebody-else`, confirmed: true };
  await node.sh(`mkdir ${foreign}`);

  const made = await node.failure(wish);
  const gone = await node.failure({ ...wish, generation: 2, state: 'absent' });

  expect([made.code, gone.code]).toEqual(['INVALID_IQN', 'INVALID_IQN']);
  await node.sh(`rmdir ${foreign}`);
});

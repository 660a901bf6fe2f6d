import { renameSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { holdLogin, inquire } from '#embedded';
import { GRANTED, StorageNode, wishFor, type Wish } from './storage-node';

jest.setTimeout(60_000);

let node: StorageNode;
beforeAll(async () => {
  node = await StorageNode.start();
});
afterAll(() => node?.stop());
afterEach(async () => {
  node.answer = GRANTED;
  node.wishes = [];
});

const loginOf = (wish: Wish) => ({ portal: node.lab.portal, iqn: wish.iqn, initiator: wish.initiator_iqn });
const confirmed = (wish: Wish) => ({ ...wish, confirmed: true });
const shows = async (wish: Wish) => (await node.sh('ls /sys/kernel/config/target/iscsi')).includes(wish.iqn);
/** Not from when its folder is there: it is enabled last. */
const isWhole = async (wish: Wish) => (await node.live(wish)).drift.length === 0;
const remove = (wish: Wish) => node.apply({ ...wish, generation: wish.generation + 1, state: 'absent' });
const until = async (is: () => Promise<boolean>) => {
  for (const end = Date.now() + 20_000; !(await is()); await sleep(100)) if (Date.now() > end) throw new Error(node.executorLog());
};

test('after a power cut the whole wish is there again, without the distribution’s saved configuration', async () => {
  const wishes = [1, 2, 3].map(() => wishFor(node.image()));
  for (const wish of wishes) await node.apply(wish);
  await node.reported(({ saved_config }) => saved_config.state === 'saved');
  node.wishes = wishes.map(confirmed);

  await node.powerCut();
  await node.sh('rm -f /etc/rtslib-fb-target/saveconfig.json');
  await node.startExecutor();
  const report = await node.reported(({ targets }) => targets === 3, 30_000);

  for (const wish of wishes) {
    await until(() => isWhole(wish));
    await expect(inquire(loginOf(wish))).resolves.toMatchObject({ vendor: 'LIO-ORG' });
  }
  expect(report.foreign).toEqual([]);
  for (const wish of wishes) await remove(wish);
});

test('a target whose image is missing is not restored with an empty one, comes when the image does, and keeps no other', async () => {
  const [bereft, whole] = [wishFor(node.image()), wishFor(node.image())];
  const path = node.imagePath(bereft.disk.image_file);
  for (const wish of [bereft, whole]) await node.apply(wish);
  await node.reported(({ saved_config }) => saved_config.state === 'saved');
  node.wishes = [bereft, whole].map(confirmed);

  await node.powerCut();
  renameSync(path, `${path}.away`);
  await node.startExecutor();
  const report = await node.reported(({ drifted, targets }) => drifted.length > 0 && targets === 1, 30_000);
  const seen = [await shows(bereft), await shows(whole), (await node.inspect(bereft.disk.image_file)).result];
  renameSync(`${path}.away`, path);

  expect(seen).toEqual([false, true, 'missing']);
  expect(report.drifted).toMatchObject([
    { target_id: bereft.target_id, generation: 1, drift: [{ what: 'backstore' }, { what: 'target' }] },
  ]);
  await until(() => isWhole(bereft));
  await expect(inquire(loginOf(bereft))).resolves.toMatchObject({ vendor: 'LIO-ORG' });
  for (const wish of [bereft, whole]) await remove(wish);
});

test('a target of which a step fails at first is told as missing, and comes when the step works', async () => {
  const wish = wishFor(node.image());
  await node.apply(wish);
  await node.reported(({ saved_config }) => saved_config.state === 'saved');
  node.wishes = [confirmed(wish)];
  await node.powerCut();
  await node.sh(`cat >/run/listen.py <<'END'
import socket, time
s = socket.socket(); s.bind(('10.0.2.15', 3260)); s.listen(); open('/run/listening', 'w'); time.sleep(600)
END
setsid python3 /run/listen.py >/dev/null 2>&1 & echo $! >/run/listen.pid; while [ ! -e /run/listening ]; do sleep 0.05; done`);

  await node.startExecutor();
  const { drifted } = await node.reported((report) => report.drifted.length > 0, 30_000);
  const before = await shows(wish);
  await node.sh('kill $(cat /run/listen.pid)');
  await until(() => isWhole(wish));
  await node.reported((report) => report.drifted.length === 0);

  expect(drifted[0]?.drift).toMatchObject([{ what: 'backstore' }, { what: 'target' }]);
  expect(before).toBe(false);
  await expect(inquire(loginOf(wish))).resolves.toMatchObject({ vendor: 'LIO-ORG' });
  await remove(wish);
});

test('a node waits for its image folder to be mounted', async () => {
  const wish = wishFor(node.image());
  await node.apply(wish);
  node.wishes = [confirmed(wish)];
  await node.powerCut();
  // /srv is on the file system of /
  await node.sh('mkdir -p /srv/images && mount --make-private / 2>/dev/null; true');
  await node.startExecutor({ IMAGE_ROOT: '/srv/images', IMAGE_ROOT_IS_MOUNT: 'true' });

  const refused = await node.failure({ ...wish, generation: 2 });
  const before = await shows(wish);
  await node.sh('mount --bind /data/images /srv/images');
  await until(async () => (await node.live({ ...wish, generation: 1 })).enabled);

  expect(refused).toMatchObject({ code: 'BACKING_FILE_UNUSABLE', outcome: 'failed' });
  expect(refused.text).toContain('not mounted');
  expect(before).toBe(false);
  await remove({ ...wish, generation: 2 });
  await node.startExecutor();
  await node.sh('umount /srv/images');
});

test('a lost journal: what the node once confirmed is adopted without touching its session, and nothing else is', async () => {
  const [ours, pending] = [wishFor(node.image()), wishFor(node.image())];
  for (const wish of [ours, pending]) await node.apply(wish);
  const login = await holdLogin(loginOf(ours));
  const before = await node.tree();
  await node.lab.stopExecutor();
  await node.sh('rm /var/lib/spindle/journal.ndjson');
  node.wishes = [confirmed(ours), pending];

  await node.startExecutor();
  const report = await node.reported(({ targets, foreign }) => targets === 1 && foreign.length === 2, 20_000);
  const refused = await node.failure(pending);

  expect(await node.tree()).toBe(before);
  expect((await node.live(ours)).sessions).toHaveLength(1);
  expect(report.sessions).toMatchObject([{ target_id: ours.target_id }]);
  expect(report.foreign.map(({ name }) => name).sort()).toEqual([pending.iqn, `spindle-${pending.disk.disk_id}`]);
  expect(refused).toMatchObject({ code: 'FOREIGN_OBJECT' });
  await login.release();
  expect((await remove(ours)).outcome).toBe('done');
  expect((await remove({ ...pending, confirmed: true })).outcome).toBe('done');
  await node.reported(({ targets, foreign }) => targets + foreign.length === 0);
});

test('what the whole wish does not name is told of and left alone', async () => {
  const wish = wishFor(node.image());
  await node.apply(wish);
  const before = await node.tree();

  await node.startExecutor();
  const { drifted } = await node.reported((report) => report.drifted.length > 0, 20_000);

  expect(drifted).toEqual([
    { target_id: wish.target_id, generation: 1, drift: [{ kind: 'extra', what: 'target', expected: null, found: wish.iqn }] },
  ]);
  expect(await node.tree()).toBe(before);
  await remove(wish);
});

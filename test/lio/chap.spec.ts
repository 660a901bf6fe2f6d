import { InitiatorFailed, discover, holdLogin, inquire, qemuIo, type Login } from '#embedded';
import { StorageNode, wishFor, type Wish } from './storage-node';

jest.setTimeout(60_000);

const SECRET = 'right_Secret.12';
const OTHER = 'another_Secret.3';
const MUTUAL = 'Target.secret_45';

let node: StorageNode;
beforeAll(async () => {
  node = await StorageNode.start();
}, 60_000);
afterAll(() => node?.stop());

const login = (wish: Wish, chap?: Login['chap']): Login => ({
  portal: node.lab.portal,
  iqn: wish.iqn,
  initiator: wish.initiator_iqn,
  chap,
});
const right = (wish: Wish, password = SECRET) => ({ user: wish.initiator_iqn, password });
const both = (wish: Wish, password = MUTUAL) => ({ ...right(wish), target: { user: wish.iqn, password } });

/** What an initiator that nobody on our side wrote comes to. */
const outcome = (given: Login): Promise<string> =>
  inquire(given).then(
    () => 'in',
    (error: unknown) => (error instanceof InitiatorFailed ? 'out' : Promise.reject(error)),
  );

const applied = async (wish: Wish) => {
  const { outcome: result, error } = await node.apply(wish);
  if (result !== 'done') throw new Error(`${error?.code} at ${error?.step}\n${node.executorLog()}`);
  return wish;
};
const auth = (wish: Wish) =>
  node.sh(`cd /sys/kernel/config/target/iscsi/${wish.iqn}/tpgt_1; cat attrib/authentication param/AuthMethod enable acls/*/auth/password`);

it('a target with CHAP lets in who proves the secret, and nobody else', async () => {
  const wish = await applied(node.withChap(wishFor(node.image()), SECRET));

  expect(await outcome(login(wish, right(wish)))).toBe('in');
  expect(await outcome(login(wish, right(wish, OTHER)))).toBe('out');
  expect(await outcome(login(wish, { user: 'somebody', password: SECRET }))).toBe('out');
  expect(await outcome(login(wish))).toBe('out');
  expect(await auth(wish)).toBe(`1\nCHAP\n1\n${SECRET}`);
});

it('a target with mutual CHAP proves its own secret, and an initiator that asks for another one leaves', async () => {
  const wish = await applied(node.withChap(wishFor(node.image()), SECRET, MUTUAL));

  expect(await outcome(login(wish, both(wish)))).toBe('in');
  expect(await outcome(login(wish, both(wish, OTHER)))).toBe('out');
  expect(await outcome(login(wish))).toBe('out');
  expect(await outcome(login(wish, { ...both(wish), password: OTHER }))).toBe('out');
});

it('a target with one-way CHAP cannot pass for one with mutual CHAP', async () => {
  const wish = await applied(node.withChap(wishFor(node.image()), SECRET));

  expect(await outcome(login(wish, both(wish)))).toBe('out');
});

it('new secrets hold from the next login on; who is logged in stays so, and the disk is the same', async () => {
  const image = node.image();
  const wish = await applied(node.withChap(wishFor(image), SECRET));
  const before = (await inquire(login(wish, right(wish)))).output;
  const held = await holdLogin(login(wish, right(wish)));
  const inode = await node.sh(
    `stat -c %i /sys/kernel/config/target/iscsi/${wish.iqn} /sys/kernel/config/target/core/*/spindle-${image.id}`,
  );

  const rotated = await applied(node.withChap({ ...wish, generation: 2 }, OTHER, null, 2));

  expect((await node.live(rotated)).sessions).toHaveLength(1);
  expect(await node.sh(`stat -c %i /sys/kernel/config/target/iscsi/${wish.iqn} /sys/kernel/config/target/core/*/spindle-${image.id}`)).toBe(
    inode,
  );
  await held.release();
  expect(await outcome(login(wish, right(wish)))).toBe('out');
  expect((await inquire(login(wish, right(wish, OTHER)))).output).toBe(before);
});

it('CHAP is switched on and off under a target that stays', async () => {
  const wish = await applied(wishFor(node.image()));
  expect(await outcome(login(wish))).toBe('in');

  await applied(node.withChap({ ...wish, generation: 2 }, SECRET, MUTUAL));
  const on = [await outcome(login(wish)), await outcome(login(wish, both(wish)))];
  await applied(node.withChap({ ...wish, generation: 3 }, SECRET, null, 2));
  const oneWay = [await outcome(login(wish, both(wish))), await outcome(login(wish, right(wish)))];
  await applied({ ...wish, generation: 4 });

  expect([on, oneWay]).toEqual([
    ['out', 'in'],
    ['out', 'in'],
  ]);
  expect(await outcome(login(wish))).toBe('in');
  expect(await auth(wish)).toMatch(/^0\nCHAP,None\n1\n(NULL)?$/);
});

it('somebody who changes a secret by hand is told of, without the secret, and the same wish puts it back', async () => {
  const wish = await applied(node.withChap(wishFor(node.image()), SECRET));
  const file = `/sys/kernel/config/target/iscsi/${wish.iqn}/tpgt_1/acls/${wish.initiator_iqn}/auth`;

  await node.sh(`printf by-hand_by-hand >${file}/password`);
  const { drift } = await node.live(wish);
  await node.sh(`printf NULL >${file}/userid; printf NULL >${file}/password; echo 0 >${file}/../../../attrib/authentication`);
  const opened = await node.live(wish);
  await applied(wish);

  expect(drift).toEqual([{ kind: 'different', what: 'acl secret', expected: 'as set', found: 'another' }]);
  expect(opened.drift.map(({ what }) => what).sort()).toEqual(['acl secret', 'attribute authentication', 'parameter AuthMethod']);
  expect((await node.live(wish)).drift).toEqual([]);
  expect(await outcome(login(wish))).toBe('out');
  expect(await outcome(login(wish, right(wish)))).toBe('in');
});

it('a box for another node, target or version is not opened, and nothing is made', async () => {
  const [wish, other] = [wishFor(node.image()), wishFor(node.image())];
  const swapped = await node.failure({ ...wish, chap: node.withChap(other, SECRET).chap });
  const older = await node.failure({ ...wish, chap: { ...node.withChap(wish, SECRET).chap!, version: 2 } });

  expect([swapped.code, older.code]).toEqual(['NODE_KEY_MISSING', 'NODE_KEY_MISSING']);
  const tree = await node.tree();
  for (const { target_id, disk } of [wish, other]) {
    expect(tree).not.toContain(target_id);
    expect(tree).not.toContain(disk.disk_id);
  }
});

it('discovery shows a target to nobody but its own initiator', async () => {
  const wish = await applied(node.withChap(wishFor(node.image()), SECRET));

  const { portal } = node.lab;

  expect(await discover({ portal, initiator: wish.initiator_iqn })).toEqual([wish.iqn]);
  expect(await discover({ portal, initiator: `${wish.initiator_iqn}-of-another` })).toEqual([]);
});

it('a target is back with its secrets after the node has lost its power, from the wish and not from the saved file', async () => {
  const wish = await applied(node.withChap(wishFor(node.image()), SECRET, MUTUAL));
  const oneWay = await applied(node.withChap(wishFor(node.image()), SECRET));
  await qemuIo(login(oneWay, right(oneWay)), ['write -P 0x5a 0 64k']);
  node.wishes = [wish, oneWay];

  await node.powerCut();
  await node.startExecutor();
  for (const each of [wish, oneWay])
    for (let tries = 0; tries < 100 && !(await node.live(each)).enabled; tries++) await new Promise((done) => setTimeout(done, 100));

  expect(await outcome(login(wish))).toBe('out');
  expect(await outcome(login(wish, both(wish)))).toBe('in');
  expect(await qemuIo(login(oneWay, right(oneWay)), ['read -P 0x5a 0 64k'])).toContain('read 65536/65536');
});

it('no secret is in a log, in targetcli’s home, in the journal or on a command line; the saved file has it, for root alone', async () => {
  const found = await node.sh(`cd /var/lib/spindle; grep -rlE '${[SECRET, OTHER, MUTUAL].join('|')}' . | sort`);
  const saved = await node.sh('stat -c %a /etc/rtslib-fb-target /etc/rtslib-fb-target/saveconfig.json');

  expect(found.split('\n').filter((name) => name !== '' && !name.includes('rtslib-fb-target'))).toEqual([]);
  expect(node.executorLog()).not.toMatch(new RegExp([SECRET, OTHER, MUTUAL].map((text) => text.replaceAll('.', '\\.')).join('|')));
  expect(saved).toMatch(/^\d00\n600$/);
});

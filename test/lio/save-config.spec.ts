import { parseSavedConfig } from '../../apps/storage-node-executor/src/saved-config';
import { MISBEHAVING, StorageNode, wishFor, type Wish } from './storage-node';

jest.setTimeout(60_000);

const FILE = '/etc/rtslib-fb-target/saveconfig.json';

let node: StorageNode;
beforeAll(async () => {
  node = await StorageNode.start();
});
afterAll(() => node?.stop());

const savedTargets = async () => (parseSavedConfig(await node.sh(`cat ${FILE} 2>/dev/null || true`))?.targets ?? []).map(({ wwn }) => wwn);

/** After it, reports tell of what came of it: those sent before have arrived before the reply. */
const apply = async (wish: Wish) => {
  const reply = await node.apply(wish);
  node.reports.length = 0;
  return reply;
};

const state = (is: string) =>
  node
    .reported(({ saved_config }) => saved_config.state === is, 20_000)
    .catch((cause: unknown) => {
      throw new Error(`not ${is} within 20 s, but ${JSON.stringify(node.reports.at(-1)?.saved_config)}`, { cause });
    });

test('a created target is in the saved configuration, and a deleted one no longer is', async () => {
  const wish = wishFor(node.image());
  await apply(wish);
  await state('saved');
  const created = await savedTargets();

  await apply({ ...wish, generation: 2, state: 'absent' });
  await state('saved');

  expect(created).toEqual([wish.iqn]);
  expect(await savedTargets()).toEqual([]);
  expect(await node.sh(`stat -c %a ${FILE}`)).toBe('600');
});

test('what is saved comes back as wished from the distribution’s own restore after a power cut', async () => {
  const wish = wishFor(node.image());
  await apply(wish);
  await state('saved');

  await node.powerCut();
  await node.sh('targetctl restore');
  await node.startExecutor();

  expect((await node.live(wish)).drift).toEqual([]);
  expect((await node.reported(({ targets }) => targets === 1)).foreign).toEqual([]);
  await apply({ ...wish, generation: 2, state: 'absent' });
});

test('a save is withheld while a target that is wished for is missing, so that the file keeps it', async () => {
  const [lost, other] = [wishFor(node.image()), wishFor(node.image())];
  await apply(lost);
  await state('saved');
  await node.sh(`targetcli <<'END'
set global auto_save_on_exit=false
/iscsi delete ${lost.iqn}
END`);

  await apply(other);
  const report = await state('withheld');
  const kept = await savedTargets();
  await apply(lost);
  await state('saved');

  expect(report.saved_config.message).toContain(lost.iqn);
  expect(kept).toEqual([lost.iqn]);
  expect((await savedTargets()).sort()).toEqual([lost.iqn, other.iqn].sort());
});

test('a save is withheld while the kernel lacks what somebody else has saved', async () => {
  const image = node.image();
  await node.sh(`targetcli <<'END'
/backstores/fileio create theirs /data/images/${image.file}
saveconfig
/backstores/fileio delete theirs
END`);
  const wish = wishFor(node.image());
  await apply(wish);

  const report = await state('withheld');
  expect(report.saved_config.message).toContain('backstore theirs');
  expect((await node.sh(`cat ${FILE}`)).includes('theirs')).toBe(true);

  await node.sh(`targetcli /backstores/fileio create theirs /data/images/${image.file}`);
  node.reports.length = 0;
  await state('saved');
  expect(await savedTargets()).toContain(wish.iqn);
});

test('a save that fails is told, does not undo the target and is tried again', async () => {
  const wish = wishFor(node.image());
  await node.sh(`rm -rf ${FILE} && mkdir ${FILE}`);

  const reply = await apply(wish);
  await state('failed');
  await node.sh(`rmdir ${FILE}`);
  node.reports.length = 0;
  await state('saved');

  expect(reply.outcome).toBe('done');
  expect(await savedTargets()).toContain(wish.iqn);
});

test('a save that is said to be done and has written nothing is told, and tried again', async () => {
  const wish = wishFor(node.image());
  await apply(wishFor(node.image()));
  await state('saved'); // there is a file then, which lacks the next one
  await node.putMisbehavingTargetcli();
  await node.behave('swallow saveconfig');
  await node.startExecutor({ TARGETCLI_PATH: MISBEHAVING, TARGETCLI_IDLE_MS: '0' });

  await apply(wish);
  const report = await node.reported(({ saved_config }) => saved_config.state !== 'pending');
  const written = await savedTargets();
  await node.behave('honest');
  node.reports.length = 0;
  await state('saved');

  expect(report.saved_config).toMatchObject({ state: 'failed', message: expect.stringContaining(wish.iqn) });
  expect(written).not.toContain(wish.iqn);
  expect(await savedTargets()).toContain(wish.iqn);
});

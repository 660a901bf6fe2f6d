import { qemuIo } from '#embedded';
import { newId } from '#runtime';
import { IMAGE_BYTES, StorageNode, wishFor } from './storage-node';

jest.setTimeout(90_000);

let node: StorageNode;
beforeAll(async () => {
  node = await StorageNode.start();
}, 60_000);
afterAll(() => node?.stop());

/** A file system of the lab's own: through hostfs the lab sees the time of an inode as it was when it first met it. */
const IMAGES = '/var/lib/spindle/images';

/** Somebody who may write to the image folder puts a link to another file in place of the image, over and over, until `stop` is there. */
const SWAP = `import os, random, time
here, away = '${IMAGES}/swapped.img', '${IMAGES}/away.img'
while not os.path.exists('/run/stop'):
    os.rename(here, away); os.symlink('/var/lib/spindle/secret', here)
    time.sleep(random.uniform(0.01, 0.06))
    os.unlink(here); os.rename(away, here)
    time.sleep(random.uniform(0.01, 0.06))
`;
/** Stamps the image's inode once, as soon as the kernel knows the backstore. */
const stamp = (backstore: string) => `import glob, os
open('/run/watching', 'w').close()
while not glob.glob('/sys/kernel/config/target/core/fileio_*/${backstore}'):
    pass
os.chmod('${IMAGES}/stamped.img', 0o640)
`;
const TRIES = 40;
const LONGEST_MS = 20_000;

it('an image that is exchanged for a link while it is opened is never exported', async () => {
  await node.sh(`mkdir ${IMAGES}; truncate -s ${IMAGE_BYTES} ${IMAGES}/swapped.img
    head -c ${IMAGE_BYTES} /dev/zero | tr '\\0' '\\356' >/var/lib/spindle/secret; sha256sum /var/lib/spindle/secret >/run/secret.sum`);
  await node.startExecutor({ IMAGE_ROOT: IMAGES });
  const image = { id: newId(), file: 'swapped.img' };
  await node.sh(`cat >/run/swap.py <<'END'\n${SWAP}END\nsetsid python3 /run/swap.py >/dev/null 2>&1 &`);

  const codes: string[] = [];
  const exported: string[] = [];
  const until = Date.now() + LONGEST_MS;
  let generation = 0;
  while (codes.length < TRIES && Date.now() < until) {
    const wish = { ...wishFor(image), generation: ++generation };
    const { outcome, error } = await node.apply(wish);
    codes.push(error?.code ?? outcome);
    if (outcome !== 'done') continue;
    const login = { portal: node.lab.portal, iqn: wish.iqn, initiator: wish.initiator_iqn };
    exported.push((await qemuIo(login, ['read -v 0 512'])).includes('ee ee ee ee') ? 'another file' : 'the image');
    expect(await node.apply({ ...wish, generation: ++generation, state: 'absent' })).toMatchObject({ outcome: 'done' });
  }
  await node.sh('touch /run/stop; sha256sum -c --quiet /run/secret.sum');

  expect(exported).not.toContain('another file');
  expect(codes).toContain('BACKING_FILE_CHANGED');
  expect(new Set(codes.filter((code) => !code.startsWith('BACKING_FILE_')))).toEqual(new Set(exported.length > 0 ? ['done'] : []));
});

it('an image whose rights are changed while it is opened is looked at once more and exported', async () => {
  const wish = wishFor({ id: newId(), file: 'stamped.img' });
  await node.sh(`truncate -s ${IMAGE_BYTES} ${IMAGES}/stamped.img; chmod 600 ${IMAGES}/stamped.img
    cat >/run/stamp.py <<'END'\n${stamp(`spindle-${wish.disk.disk_id}`)}END\nsetsid python3 /run/stamp.py >/dev/null 2>&1 &
    until test -e /run/watching; do sleep 0.05; done`);

  const { outcome } = await node.apply(wish);

  expect(outcome).toBe('done');
  expect(await node.sh(`stat -c %a ${IMAGES}/stamped.img`)).toBe('640');
  expect(node.executorLog()).toMatch(new RegExp(`"${wish.target_id}","tries":1,.*once more`));
});

import fc from 'fast-check';
import type { Portal } from '#contracts';
import { portalFolder } from '../../apps/storage-node-executor/src/lio/target-names';
import { imageFiles, iqns, secrets } from '../prove/accepted-values';
import { StorageNode, wishFor, type Wish } from './storage-node';

jest.setTimeout(120_000);

const SEED = 20_261_126;
const COUNT = 12;

let node: StorageNode;
beforeAll(async () => {
  node = await StorageNode.start();
}, 60_000);
afterAll(() => node?.stop());

/** One draw, the same in each run, of values that differ. */
const draw = <T>(values: fc.Arbitrary<T>, seed: number): T[] =>
  [...new Set(fc.sample(values, { numRuns: COUNT * 2, seed: SEED + seed }))].slice(0, COUNT);

/** Each file of configfs, by path, as the very bytes that the kernel gives. */
const bytesOf = async (paths: string[]): Promise<string[]> => {
  const said = await node.sh(
    `cd /sys/kernel/config/target; for path in ${paths.map((path) => `'${path}'`).join(' ')}; do base64 -w0 $path; echo; done`,
  );
  return said.split('\n').map((line) => Buffer.from(line, 'base64').toString('latin1'));
};

const linesOf = async (script: string): Promise<string[]> => (await node.sh(`cd /sys/kernel/config/target; ${script}`)).split('\n');

it('initiators, image files and secrets that are accepted are in the kernel byte for byte', async () => {
  const initiators = draw(iqns, 1);
  // two names that differ by case alone are two files here, and one on a file system that folds them
  const files = draw(imageFiles, 2);
  const [theirs, ours] = [draw(secrets, 3), draw(secrets, 4)];
  const wishes: Wish[] = [];
  for (const [at, initiator_iqn] of initiators.entries()) {
    const wish = { ...wishFor(node.image(files[at])), initiator_iqn };
    wishes.push(node.withChap(wish, theirs[at]!, ours[at]));
  }

  const replies = await Promise.all(wishes.map((wish) => node.apply(wish)));

  expect(replies.filter(({ outcome }) => outcome !== 'done')).toEqual([]);
  const acls = await linesOf('for acl in iscsi/*/tpgt_1/acls/iqn*; do echo ${acl#iscsi/}; done');
  const auth = await bytesOf(
    wishes.flatMap(({ iqn, initiator_iqn }) =>
      ['userid', 'password', 'userid_mutual', 'password_mutual'].map((name) => `iscsi/${iqn}/tpgt_1/acls/${initiator_iqn}/auth/${name}`),
    ),
  );
  const disks = await linesOf(
    'for disk in core/fileio_*/spindle-*; do echo "$(basename $disk) $(sed -n "s/.*File: \\(.*\\)  Size.*/\\1/p" $disk/info) $(cat $disk/wwn/vpd_unit_serial)"; done',
  );

  expect(acls.sort()).toEqual(wishes.map(({ iqn, initiator_iqn }) => `${iqn}/tpgt_1/acls/${initiator_iqn}`).sort());
  expect(auth).toEqual(
    wishes.flatMap(({ iqn, initiator_iqn }, at) => [initiator_iqn, theirs[at], iqn, ours[at]].map((text) => `${text}\n`)),
  );
  expect(disks.sort()).toEqual(
    wishes.map(({ disk }) => `spindle-${disk.disk_id} /data/images/${disk.image_file} T10 VPD Unit Serial Number: ${disk.disk_id}`).sort(),
  );
});

it.each<[string, Portal]>([
  ['an address of IPv4', { address: '127.210.3.254', port: 1 }],
  ['the largest port', { address: '127.0.0.2', port: 65_535 }],
  ['the shortest address of IPv6', { address: '::1', port: 3_261 }],
  ['a long address of IPv6', { address: 'fd00:aaaa:bbbb:cccc:dddd:eeee:ffff:1234', port: 13_260 }],
])('a portal at %s has that name in the kernel', async (_what, portal) => {
  if (portal.address.startsWith('fd')) await node.sh(`ip -6 addr add ${portal.address}/128 dev lo nodad`);
  await node.startExecutor({ ISCSI_PORTAL_ADDRESS: portal.address, ISCSI_PORTAL_PORT: String(portal.port) });
  const wish = wishFor(node.image());

  const { outcome } = await node.apply(wish);

  expect(outcome).toBe('done');
  expect(await linesOf(`ls iscsi/${wish.iqn}/tpgt_1/np`)).toEqual([portalFolder(portal)]);
});

import type { TargetWish } from '#contracts';
import { lostSince, parseSavedConfig, savedAsWished, type SavedConfig } from './saved-config';

const facts = { portal: { address: '192.0.2.5', port: 3260 }, imageRoot: '/images' };
const disk_id = '018f3a5e-0000-7000-8000-000000000001';
const wish: TargetWish = {
  target_id: '018f3a5e-0000-7000-8000-000000000002',
  generation: 1,
  state: 'present',
  iqn: 'iqn.2025-01.io.spindle:t',
  initiator_iqn: 'iqn.2025-01.io.spindle:m',
  lun: 0,
  disk: { disk_id, image_file: 'a.img', size_bytes: 512, read_only: true },
  if_idle: false,
  confirmed: false,
  chap: null,
};
const acl = {
  node_wwn: wish.initiator_iqn,
  chap_userid: '',
  chap_password: '',
  chap_mutual_userid: '',
  chap_mutual_password: '',
};
const saved: SavedConfig = {
  storage_objects: [{ plugin: 'fileio', name: `spindle-${disk_id}`, dev: '/images/a.img', wwn: disk_id, write_back: false }],
  targets: [
    {
      fabric: 'iscsi',
      wwn: wish.iqn,
      tpgs: [
        {
          tag: 1,
          enable: true,
          luns: [{ index: 0, storage_object: `/backstores/fileio/spindle-${disk_id}` }],
          portals: [{ ip_address: '192.0.2.5', port: 3260 }],
          node_acls: [{ ...acl, mapped_luns: [{ index: 0, tpg_lun: 0, write_protect: true }] }],
        },
      ],
    },
  ],
};
const tpg = saved.targets[0]!.tpgs[0]!;
const withTpg = (change: Partial<typeof tpg>): SavedConfig => ({
  ...saved,
  targets: [{ ...saved.targets[0]!, tpgs: [{ ...tpg, ...change }] }],
});

test('a target that a restore would bring back as wished is saved as wished', () => {
  expect(savedAsWished(saved, wish, facts)).toBe(true);
});

test.each<[string, SavedConfig]>([
  ['has no backstore', { ...saved, storage_objects: [] }],
  ['has another file', { ...saved, storage_objects: [{ ...saved.storage_objects[0]!, dev: '/images/b.img' }] }],
  ['caches writes', { ...saved, storage_objects: [{ ...saved.storage_objects[0]!, write_back: true }] }],
  ['has no target', { ...saved, targets: [] }],
  ['is not enabled', withTpg({ enable: false })],
  ['has no portal', withTpg({ portals: [] })],
  ['has no LUN', withTpg({ luns: [] })],
  ['has no ACL', withTpg({ node_acls: [] })],
  ['can be written to', withTpg({ node_acls: [{ ...acl, mapped_luns: [{ index: 0, tpg_lun: 0, write_protect: false }] }] })],
  ['asks for a secret', withTpg({ node_acls: [{ ...tpg.node_acls[0]!, chap_userid: 'a', chap_password: 'b' }] })],
  ['has CHAP switched on', withTpg({ attributes: { authentication: '1' } })],
])('one that %s is not', (_, other) => {
  expect(savedAsWished(other, wish, facts)).toBe(false);
});

test('what the file has and the kernel lacks is lost, unless it was taken away on purpose', () => {
  const gone = { targets: new Set<string>(), storageObjects: new Set<string>() };

  expect(lostSince(saved, gone, { target: () => false, backstore: () => false })).toEqual([
    `backstore spindle-${disk_id}`,
    `target ${wish.iqn}`,
  ]);
  expect(lostSince(saved, gone, { target: () => true, backstore: () => true })).toEqual([]);
});

test.each(['', '{', '{"targets": []}', '[]'])('%j is not a saved configuration', (text) => {
  expect(parseSavedConfig(text)).toBeNull();
});

import { StorageNode, wishFor, PREFIX, type Wish } from './storage-node';

jest.setTimeout(60_000);

const SCAN_MS = 1_000;

let node: StorageNode;
let wish: Wish;
beforeAll(async () => {
  node = await StorageNode.start();
  wish = wishFor(node.image());
  await node.startExecutor({ DRIFT_SCAN_MS: String(SCAN_MS), DRIFT_POLICY: 'report' });
  await node.apply(wish);
});
afterAll(() => node?.stop());

const byHand = (...lines: string[]) => node.sh(`targetcli <<'END'\nset global auto_save_on_exit=false\n${lines.join('\n')}\nEND`);
const configfs = (path: string, value: string) => node.sh(`echo ${value} >/sys/kernel/config/target/${path}`);
const tpg = () => `/iscsi/${wish.iqn}/tpg1`;
const acl = () => `${tpg()}/acls/${wish.initiator_iqn}`;
const folder = () => `iscsi/${wish.iqn}/tpgt_1`;
const backstore = () => `spindle-${wish.disk.disk_id}`;

/** What the next report says of the target, as `kind what`. */
const driftOf = async (target: Wish): Promise<string[]> => {
  node.reports.length = 0;
  const { drifted } = await node.reported((report) => report.drifted.some(({ target_id }) => target_id === target.target_id), 15_000);
  return drifted.find(({ target_id }) => target_id === target.target_id)!.drift.map(({ kind, what }) => `${kind} ${what}`);
};
/** The wish sent again makes it good, and is told so at once. */
const mended = async () => {
  expect((await node.apply(wish)).outcome).toBe('done');
  node.reports.length = 0;
  expect((await node.reported(() => true)).drifted).toEqual([]);
};

const KINDS: [string, () => Promise<unknown>, string[]][] = [
  ['a TPG that is disabled', () => configfs(`${folder()}/enable`, '0'), ['different enabled']],
  ['an ACL for somebody else', () => byHand(`${tpg()}/acls create ${PREFIX}:m-intruder add_mapped_luns=false`), ['extra acl']],
  ['an ACL that is missing', () => byHand(`${tpg()}/acls delete ${wish.initiator_iqn}`), ['missing acl']],
  [
    'an ACL that asks for a secret',
    () => configfs(`${folder()}/acls/${wish.initiator_iqn}/attrib/authentication`, '1'),
    ['different acl attribute authentication'],
  ],
  ['another portal', () => byHand(`${tpg()}/portals create 10.0.2.15 3999`), ['extra portal']],
  ['a portal that is missing', () => byHand(`${tpg()}/portals delete 10.0.2.15 3260`), ['missing portal']],
  ['a TPG attribute', () => configfs(`${folder()}/attrib/demo_mode_discovery`, '1'), ['different attribute demo_mode_discovery']],
  [
    'write protection',
    () => configfs(`${folder()}/acls/${wish.initiator_iqn}/lun_0/write_protect`, '1'),
    ['missing mapped lun', 'extra mapped lun'],
  ],
  ['a mapped LUN that is missing', () => byHand(`${acl()} delete mapped_lun=0`), ['missing mapped lun']],
  [
    'another LUN and its mapping',
    async () => {
      const { id, file } = node.image();
      await byHand(
        `/backstores/fileio create theirs-${id} /data/images/${file}`,
        `${tpg()}/luns create /backstores/fileio/theirs-${id} add_mapped_luns=false`,
        `${acl()} create mapped_lun=5 tpg_lun_or_backstore=1`,
      );
    },
    ['extra lun', 'extra mapped lun'],
  ],
  ['a LUN that is missing', () => byHand(`${tpg()}/luns delete 0`), ['missing lun', 'missing mapped lun']],
  ['a second TPG', () => byHand(`/iscsi/${wish.iqn} create tag=2`), ['extra tpg']],
  ['a target that is missing', () => byHand(`/iscsi delete ${wish.iqn}`), ['missing target']],
  [
    'a backstore that is missing',
    () => byHand(`/iscsi delete ${wish.iqn}`, `/backstores/fileio delete ${backstore()}`),
    ['missing backstore', 'missing target'],
  ],
  [
    'a backstore on another file, with a write cache and another serial',
    async () => {
      const { file } = node.image();
      await byHand(
        `/iscsi delete ${wish.iqn}`,
        `/backstores/fileio delete ${backstore()}`,
        `/backstores/fileio create ${backstore()} /data/images/${file}`,
      );
    },
    [
      'different backing file',
      'different udev path',
      'different unit serial',
      'different write mode',
      'different backstore attribute emulate_write_cache',
      'missing target',
    ],
  ],
];

test.each(KINDS)('%s is reported, and mended by the same wish', async (_, change, drift) => {
  await change();

  expect((await driftOf(wish)).sort()).toEqual([...drift].sort());
  await mended();
});

test('no report and no live status names a folder of the node', async () => {
  const { file } = node.image();
  await byHand(
    `/iscsi delete ${wish.iqn}`,
    `/backstores/fileio delete ${backstore()}`,
    `/backstores/fileio create ${backstore()} /data/images/${file}`,
  );
  await driftOf(wish);
  const texts = JSON.stringify([node.reports.flatMap(({ drifted }) => drifted), await node.live(wish)]);

  expect(texts).toContain('another file');
  expect(texts).not.toContain('/data');
  expect(node.reports.at(-1)?.drift_policy).toBe('report');
  await mended();
});

test('a deleted target that somebody makes again is reported', async () => {
  const gone = wishFor(node.image());
  await node.apply(gone);
  await node.apply({ ...gone, generation: 2, state: 'absent' });
  await byHand(`/iscsi create ${gone.iqn}`);

  expect(await driftOf(gone)).toEqual(['extra target']);
  await byHand(`/iscsi delete ${gone.iqn}`);
  node.reports.length = 0;
  await node.reported(({ drifted }) => drifted.length === 0);
});

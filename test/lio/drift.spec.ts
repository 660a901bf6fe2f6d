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

/** One of each sort, and what is missing as a whole; test/e2e/drift has the long list, and has a whole Spindle mend it. */
const KINDS: [string, () => Promise<unknown>, string[]][] = [
  ['a TPG that is disabled', () => configfs(`${folder()}/enable`, '0'), ['different enabled']],
  ['an ACL for somebody else', () => byHand(`${tpg()}/acls create ${PREFIX}:m-intruder add_mapped_luns=false`), ['extra acl']],
  ['a LUN that is missing', () => byHand(`${tpg()}/luns delete 0`), ['missing lun', 'missing mapped lun']],
  [
    'a target that is missing with its backstore',
    () => byHand(`/iscsi delete ${wish.iqn}`, `/backstores/fileio delete ${backstore()}`),
    ['missing backstore', 'missing target'],
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

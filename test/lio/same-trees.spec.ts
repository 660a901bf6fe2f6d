import { newId } from '#runtime';
import { StorageNode, type Wish, wishFor } from './storage-node';

jest.setTimeout(180_000);

let node: StorageNode;
beforeAll(async () => {
  node = await StorageNode.start();
}, 60_000);
afterAll(() => node?.stop());

const SAVED = '/etc/rtslib-fb-target/saveconfig.json';
/** In a folder of its own: 2.1.53 takes the rights of the folder away from everybody else. */
const BY_TARGETCLI = '/run/by/targetcli.json';
const SECRET = 'aB3-secret-one-1';
const MUTUAL = 'aB3-secret-two-2';

/** As the targets of one node are: plain, read-only, with CHAP one way and both ways, and two that share a disk. */
const wishes = (): Wish[] => {
  const shared = node.image('shared.img');
  const fixed = (nth: number) => `018f3a5e-0000-7000-8000-00000000000${nth}`;
  const image = (nth: number) => ({ ...node.image(`disk-${nth}.img`), id: `018f3a5e-0000-7000-9000-00000000000${nth}` });
  shared.id = fixed(9);
  return [
    wishFor(image(1), { targetId: fixed(1) }),
    wishFor(image(2), { targetId: fixed(2), readOnly: true }),
    node.withChap(wishFor(image(3), { targetId: fixed(3) }), SECRET),
    node.withChap(wishFor(image(4), { targetId: fixed(4) }), SECRET, MUTUAL),
    wishFor(shared, { targetId: fixed(5), readOnly: true }),
    wishFor(shared, { targetId: fixed(6), readOnly: true }),
  ];
};

/** A secret that is not set is empty or NULL, by whoever looked at it last. Names of links and counters are not in it. */
const comparable = (tree: string): string[] =>
  tree
    .split('\n')
    .map((line) => line.replace(/(\/auth\/\w+|discovery_auth\/\w+):NULL$/, '$1:'))
    .filter((line) => !/alua_access_status|\/tg_pt_gp_id|Session ID/.test(line))
    .sort();

const apply = async (all: Wish[]): Promise<void> => {
  for (const wish of all) expect(await node.apply(wish)).toMatchObject({ outcome: 'done' });
};

let generation = 1;
const next = (all: Wish[], change: Partial<Wish> = {}): Wish[] => {
  generation++;
  return all.map((wish) => ({ ...wish, ...change, generation }));
};

/** Everything made, two changed, one deleted, by one engine; what the kernel shows after each. */
const play = async (engine: string, all: Wish[]): Promise<string[][]> => {
  await node.startExecutor({ LIO_ENGINE: engine });
  const seen: string[][] = [];
  await apply(next(all));
  seen.push(comparable(await node.tree()));
  await apply(
    next([{ ...all[0]!, initiator_iqn: `${all[0]!.initiator_iqn}-other` }, node.withChap(all[1]!, SECRET), { ...all[2]!, chap: null }]),
  );
  seen.push(comparable(await node.tree()));
  await apply(next([all[3]!, all[4]!], { state: 'absent' }));
  seen.push(comparable(await node.tree()));
  return seen;
};

const gone = async (all: Wish[]): Promise<void> => {
  await apply(next(all, { state: 'absent' }));
  expect(await node.sh('ls -d /sys/kernel/config/target/iscsi/iqn.* /sys/kernel/config/target/core/*_*/* 2>/dev/null | wc -l')).toBe('0');
};

let all: Wish[];

it('both engines leave the same trees, file by file', async () => {
  all = wishes();
  await node.sh('true');
  const byTargetcli = await play('targetcli', all);
  await gone(all);

  const byConfigfs = await play('configfs', all);

  expect(byConfigfs[0]!.length).toBeGreaterThan(500);
  expect(byConfigfs).toEqual(byTargetcli);
});

it('targetcli reads and saves what configfs mode made, and says that it is whole', async () => {
  await node.reported((report) => report.saved_config.state === 'saved', 20_000);
  await node.lab.stopExecutor();
  const shown = await node.sh('export HOME=/run/home TARGETCLI_HOME=/run/admin; mkdir -p $TARGETCLI_HOME /run/by; targetcli ls 2>&1');
  await node.sh(`export HOME=/run/home TARGETCLI_HOME=/run/admin; targetcli saveconfig ${BY_TARGETCLI} >/dev/null`);

  expect(shown).toContain(all[5]!.iqn);
  expect(shown).not.toMatch(/BROKEN|Traceback|Error/);
  const names = `import json, sys
for path in sys.argv[1:]:
    tree = json.load(open(path))
    print(sorted(o['name'] for o in tree['storage_objects']), sorted(t['wwn'] for t in tree['targets']))`;
  const [ours, theirs] = (await node.sh(`python3 -c "${names}" ${SAVED} ${BY_TARGETCLI}`)).split('\n');
  expect(ours).toEqual(theirs);
  expect(await node.sh(`stat -c '%a %U' ${SAVED}`)).toBe('600 root');
});

it('the distribution’s restore brings the same tree back from the file that configfs mode wrote', async () => {
  // rtslib numbers the HBAs in the order of the file
  const look = async () => comparable((await node.tree()).replace(/fileio_\d+/g, 'fileio_N'));
  const before = await look();

  await node.sh(
    `export HOME=/run/home; targetctl clear && targetctl restore ${SAVED} >/run/restored 2>&1; cat /run/restored >&2; ! grep -i -e error -e traceback /run/restored`,
  );

  expect(await look()).toEqual(before);
});

it('what others made is saved by configfs mode word for word as targetcli saves it', async () => {
  await node.sh(`export HOME=/run/home TARGETCLI_HOME=/run/admin; truncate -s 4M /data/images/theirs.img
targetcli <<'END'
set global auto_save_on_exit=false auto_add_default_portal=false
/backstores/fileio create theirs /data/images/theirs.img write_back=true
/backstores/ramdisk create theirs-ram 4M
/iscsi create iqn.2003-01.org.example:theirs
/iscsi/iqn.2003-01.org.example:theirs/tpg1/luns create /backstores/fileio/theirs
/iscsi/iqn.2003-01.org.example:theirs/tpg1/luns create /backstores/ramdisk/theirs-ram
/iscsi/iqn.2003-01.org.example:theirs/tpg1/acls create iqn.2003-01.org.example:machine
/iscsi/iqn.2003-01.org.example:theirs/tpg1/acls/iqn.2003-01.org.example:machine set auth userid=u password=p
/iscsi/iqn.2003-01.org.example:theirs/tpg1 set attribute demo_mode_write_protect=0
/iscsi/iqn.2003-01.org.example:theirs/tpg1/portals create 10.0.2.15 3261
END`);
  await node.startExecutor({ LIO_ENGINE: 'configfs' });
  const image = node.image();
  await apply([wishFor({ ...image, id: newId() })]);
  await node.reported((report) => report.saved_config.state === 'pending' || report.saved_config.state === 'saved', 20_000);
  await node.reported((report) => report.saved_config.state === 'saved', 20_000);
  await node.lab.stopExecutor();
  await node.sh(`export HOME=/run/home TARGETCLI_HOME=/run/admin; targetcli saveconfig ${BY_TARGETCLI} >/dev/null`);

  // neither keeps an order of lists
  const foreign = `import json, sys
def ordered(value):
    if isinstance(value, dict): return {key: ordered(inner) for key, inner in value.items()}
    if isinstance(value, list): return sorted((ordered(inner) for inner in value), key=lambda inner: json.dumps(inner, sort_keys=True))
    return value
for path in sys.argv[1:]:
    tree = json.load(open(path))
    print(json.dumps([ordered([o for o in tree[k] if 'theirs' in json.dumps(o)]) for k in ('storage_objects', 'targets', 'fabric_modules')], sort_keys=True))`;
  const [ours, theirs] = (await node.sh(`python3 - ${SAVED} ${BY_TARGETCLI} <<'END'\n${foreign}\nEND`))
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  expect(ours).toEqual(theirs);
});

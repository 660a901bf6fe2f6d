import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TargetWish } from '#contracts';
import { createLog } from '#runtime';
import { DriftScan } from './drift-scan';
import { Journal } from './journal';
import { ConfigfsTree } from './lio/configfs';
import { TargetcliLease } from './lio/targetcli-lease';
import { TargetcliAdapter } from './lio/targetcli.adapter';
import { NodeLease } from './node-lease';

const PERIOD_MS = 500;

let dir: string;
let busy: Set<string>;
let told: number;
let journal: Journal;
let scan: DriftScan;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'spindle-drift-'));
  busy = new Set();
  told = 0;
  journal = Journal.open(dir);
  const nodeLease = new NodeLease();
  const lease = new TargetcliLease(
    { engine: 'targetcli', path: '/nowhere/targetcli', home: dir, timeoutMs: 1_000, lockWaitMs: 0, idleMs: 0, burstMs: 1_000 },
    nodeLease,
  );
  const adapter = new TargetcliAdapter(nodeLease, lease, new ConfigfsTree(join(dir, 'target')), {
    portal: { address: '192.0.2.5', port: 3260 },
    imageRoot: '/images',
    targetPrefix: 'iqn.2025-01.io.spindle',
    savedConfigFile: '/nowhere/saveconfig.json',
  });
  scan = new DriftScan(
    adapter,
    journal,
    (id) => busy.has(id),
    PERIOD_MS,
    createLog('test', 'silent'),
    () => told++,
  );
});
afterEach(() => {
  scan.stop();
  rmSync(dir, { recursive: true });
});

const id = (n: number) => `018f3a5e-0000-7000-8000-${String(n).padStart(12, '0')}`;
const wish = (n: number, generation = 1, state: 'present' | 'absent' = 'present'): TargetWish => ({
  target_id: id(n),
  generation,
  state,
  iqn: `iqn.2025-01.io.spindle:t${n}`,
  initiator_iqn: 'iqn.2025-01.io.spindle:m',
  lun: 0,
  disk: { disk_id: id(1_000 + n), image_file: 'a.img', size_bytes: 512, read_only: false },
  if_idle: false,
  confirmed: false,
  chap: null,
});
const present = (n: number) => journal.settle({ phase: 'present', wish: wish(n) }, true);
const ids = () => scan.drifted().map(({ target_id }) => target_id);

test('all targets are looked at in one period, and a report names a hundred', async () => {
  for (let n = 1; n <= 300; n++) present(n);

  scan.start();
  const before = scan.known;
  await sleep(3 * PERIOD_MS);

  expect([before, scan.known]).toEqual([false, true]);
  expect(scan.size).toBe(300);
  expect(scan.drifted()).toHaveLength(100);
  expect(scan.drifted()[0]?.drift.map(({ kind, what }) => `${kind} ${what}`)).toEqual(['missing backstore', 'missing target']);
});

test('what is queued or at work, or begun and not settled, is neither looked at nor told', async () => {
  [1, 2, 3].forEach(present);
  journal.begin(wish(2, 2), true);
  busy.add(id(3));
  scan.look(id(3)); // found before it was queued
  expect(ids()).toEqual([]);

  scan.start();
  await sleep(2 * PERIOD_MS);
  expect(ids()).toEqual([id(1)]);
  expect(scan.known).toBe(false);
  busy.clear();

  expect(ids().sort()).toEqual([id(1), id(3)]);
  expect(scan.known).toBe(true);
});

test('it tells when drift comes and when it goes, and not in between', () => {
  present(1);
  scan.look(id(1));
  scan.look(id(1));
  const came = told;
  journal.settle({ phase: 'absent', wish: wish(1, 2, 'absent') }, false);
  scan.look(id(1));

  expect([came, told, scan.size]).toEqual([1, 2, 0]);
});

test('a target that was read back just now is as wished, and is not read again', () => {
  present(1);
  scan.look(id(1));
  const before = ids();
  scan.applied(wish(1), true);
  const after = ids();
  scan.applied(wish(1), false);

  expect([before, after, ids()]).toEqual([[id(1)], [], [id(1)]]);
});

test('a target that is gone and shows again is told, unless another of ours has its name now', () => {
  mkdirSync(join(dir, 'target/iscsi', wish(1).iqn), { recursive: true });
  journal.settle({ phase: 'absent', wish: wish(1, 2, 'absent') }, false);
  scan.look(id(1));
  const again = scan.drifted();
  journal.settle({ phase: 'present', wish: { ...wish(2), iqn: wish(1).iqn } }, true);
  scan.look(id(1));

  expect(again).toEqual([
    { target_id: id(1), generation: 2, drift: [{ kind: 'extra', what: 'target', expected: null, found: wish(1).iqn }] },
  ]);
  expect(ids()).toEqual([]);
});

test('a backstore is left over only when no other target is on the disk or about to be', () => {
  const later = { ...wish(2), disk: wish(1).disk };
  mkdirSync(join(dir, `target/core/fileio_0/spindle-${later.disk.disk_id}`), { recursive: true });
  journal.settle({ phase: 'present', wish: wish(1) }, true);
  journal.settle({ phase: 'absent', wish: wish(1, 2, 'absent') }, true);
  scan.look(id(1));
  const left = scan.drifted();
  journal.begin(later, true);
  scan.look(id(1));

  expect(left).toMatchObject([{ target_id: id(1), drift: [{ kind: 'extra', what: 'backstore' }] }]);
  expect(ids()).toEqual([]);
});

test('a target that nobody wishes for is told if the kernel shows it, whatever its phase', () => {
  for (const n of [1, 2]) mkdirSync(join(dir, 'target/iscsi', wish(n).iqn), { recursive: true });
  [1, 3].forEach(present);
  journal.begin(wish(2), true);

  scan.notWished(new Set([1, 2, 3].map(id)));

  expect(scan.drifted().map(({ target_id, drift }) => [target_id, drift.map(({ kind, what }) => `${kind} ${what}`)])).toEqual([
    [id(1), ['extra target']],
    [id(2), ['extra target']],
  ]);
  scan.applied(wish(2), false);
  expect(ids()).toEqual([id(1)]);
  expect([1, 2, 3, 4].map((n) => scan.isWished(id(n)))).toEqual([false, true, false, true]);
});

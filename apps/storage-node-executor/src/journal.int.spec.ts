import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TargetWish } from '#contracts';
import { Journal } from './journal';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'spindle-journal-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

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
const backstore = (n: number) => `spindle-${id(1_000 + n)}`;

test('what was begun is ours after a restart, and what was taken away is not', () => {
  const journal = Journal.open(dir);
  journal.begin(wish(1), true);
  journal.begin(wish(2), true);
  journal.settle({ phase: 'present', wish: wish(2) }, true);
  journal.settle({ phase: 'absent', wish: wish(2, 2, 'absent') }, false);

  const again = Journal.open(dir);

  expect([again.ownsTarget(wish(1).iqn), again.ownsBackstore(backstore(1)), again.get(id(1))?.phase]).toEqual([true, true, 'changing']);
  expect([again.ownsTarget(wish(2).iqn), again.ownsBackstore(backstore(2)), again.get(id(2))?.wish.generation]).toEqual([false, false, 2]);
  expect([again.removedTarget(wish(2).iqn), again.removedBackstore(backstore(2))]).toEqual([true, true]);
  expect([again.removedTarget(wish(1).iqn), again.removedTarget('iqn.2025-01.io.other:x')]).toEqual([false, false]);
});

test('a name that begins or ends like one of ours is not ours', () => {
  const journal = Journal.open(dir);
  journal.begin(wish(12), true);
  journal.settle({ phase: 'absent', wish: wish(34, 2, 'absent') }, false);
  const near = (name: string) => [name, name.slice(0, -1), name.slice(1), `${name}5`, name.toUpperCase()];

  expect(near(wish(12).iqn).map((name) => journal.ownsTarget(name))).toEqual([true, false, false, false, false]);
  expect(near(backstore(12)).map((name) => journal.ownsBackstore(name))).toEqual([true, false, false, false, false]);
  expect(near(wish(34).iqn).map((name) => journal.removedTarget(name))).toEqual([true, false, false, false, false]);
});

test('a backstore that is still shown stays ours when its target goes', () => {
  const journal = Journal.open(dir);
  journal.begin(wish(1), true);
  journal.settle({ phase: 'absent', wish: wish(1, 2, 'absent') }, true);

  expect(Journal.open(dir).ownsBackstore(backstore(1))).toBe(true);
});

test('a backstore that a target of ours shows becomes ours again after the journal was lost', () => {
  const journal = Journal.open(dir);
  journal.settle({ phase: 'present', wish: wish(1) }, true);

  expect([journal.ownsTarget(wish(1).iqn), Journal.open(dir).ownsBackstore(backstore(1))]).toEqual([true, true]);
});

test('what is settled again as it was is not written again', () => {
  const journal = Journal.open(dir);
  journal.settle({ phase: 'present', wish: wish(1) }, true);
  const before = readFileSync(join(dir, 'journal.ndjson'), 'utf8');

  journal.settle({ phase: 'present', wish: wish(1) }, true);

  expect(readFileSync(join(dir, 'journal.ndjson'), 'utf8')).toBe(before);
});

test('the targets of a name and of a disk are those that the last lines say', () => {
  const journal = Journal.open(dir);
  const shared = (n: number) => ({ ...wish(n), disk: wish(1).disk });
  [1, 2, 3].forEach((n) => journal.settle({ phase: 'present', wish: shared(n) }, true));
  journal.settle({ phase: 'absent', wish: { ...shared(2), generation: 2 } }, true);

  const again = Journal.open(dir);

  expect([journal, again].map((one) => one.liveOn(id(1_001)).map(({ wish: { iqn } }) => iqn))).toEqual([
    [wish(1).iqn, wish(3).iqn],
    [wish(1).iqn, wish(3).iqn],
  ]);
  expect([again.byName(wish(2).iqn)?.phase, again.byName(wish(3).iqn)?.phase, again.byName('iqn.2025-01.io.other:x')]).toEqual([
    'absent',
    'present',
    undefined,
  ]);
});

test('what a journal costs does not grow with the targets in it', () => {
  const journal = Journal.open(dir);
  for (let n = 1; n <= 5_000; n++) journal.settle({ phase: 'present', wish: wish(n) }, true);

  const began = performance.now();
  for (let n = 1; n <= 5_000; n++) if (!journal.ownsTarget(wish(n).iqn) || journal.liveOn(id(1_000 + n)).length !== 1) throw new Error();

  // 5,000 times through all of them takes seconds
  expect(performance.now() - began).toBeLessThan(500);
});

test('a line that power cut short is as if it had not been written', () => {
  const journal = Journal.open(dir);
  journal.begin(wish(1), true);
  appendFileSync(join(dir, 'journal.ndjson'), '{"target":{"phase":"pres');

  const again = Journal.open(dir);
  again.begin(wish(2), true);

  expect(
    Journal.open(dir)
      .live()
      .map((entry) => entry.wish.iqn),
  ).toEqual([wish(1).iqn, wish(2).iqn]);
});

test('it stays small however often targets change, is for its owner only, and forgets nothing that counts', () => {
  const journal = Journal.open(dir);
  for (let generation = 1; generation <= 3_000; generation++) journal.settle({ phase: 'present', wish: wish(1, generation) }, true);

  const text = readFileSync(join(dir, 'journal.ndjson'), 'utf8');

  expect(text.split('\n').length).toBeLessThan(2_100);
  expect(statSync(join(dir, 'journal.ndjson')).mode & 0o777).toBe(0o600);
  expect(Journal.open(dir).get(id(1))?.wish.generation).toBe(3_000);
});

import { mkdirSync, mkdtempSync, rmSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HbaIndex } from './hba-index';

/** Longer than a change may hide behind the stamp of the one before. */
const SETTLED_MS = 40;

let core: string;
let index: HbaIndex;
const make = (...parts: string[]): void => void mkdirSync(join(core, ...parts), { recursive: true });

beforeEach(() => {
  core = mkdtempSync(join(tmpdir(), 'spindle-hba-'));
  make('alua');
  make('fileio_0', 'first');
  make('iblock_1', 'theirs');
  index = new HbaIndex(core);
});
afterEach(() => rmSync(core, { recursive: true }));

test('a fileio backstore is found by its name, and one of another plug-in is not', () => {
  expect(index.find('first')).toBe('fileio_0');
  expect(index.find('theirs')).toBeNull();
  expect(index.find('nowhere')).toBeNull();
});

test('the lowest number is free that no HBA of any plug-in has', () => {
  expect(index.free()).toBe(2);
  make('fileio_3', 'other');
  expect(index.free()).toBe(2);
});

test('what others make, take away and make elsewhere is seen', async () => {
  expect(index.find('second')).toBeNull();
  await sleep(SETTLED_MS);
  expect(index.find('second')).toBeNull();

  make('fileio_7', 'second');
  expect(index.find('second')).toBe('fileio_7');

  rmSync(join(core, 'fileio_7'), { recursive: true });
  expect(index.find('second')).toBeNull();

  make('fileio_8', 'second');
  expect(index.find('second')).toBe('fileio_8');
});

test('an HBA that went and came again with another backstore is looked into', async () => {
  await sleep(SETTLED_MS);
  expect(index.find('first')).toBe('fileio_0');

  rmSync(join(core, 'fileio_0'), { recursive: true });
  make('fileio_0', 'second');

  expect([index.find('second'), index.find('first')]).toEqual(['fileio_0', null]);
});

test('an HBA that was seen before it had its backstore is looked into again', async () => {
  make('fileio_5');
  await sleep(SETTLED_MS);
  expect(index.find('late')).toBeNull();

  make('fileio_5', 'late');

  expect(index.find('late')).toBe('fileio_5');
});

test('what we make and take away ourselves is known without a look', async () => {
  await sleep(SETTLED_MS);
  expect(index.find('ours')).toBeNull();

  make('fileio_2', 'ours');
  index.made('fileio_2', 'ours');
  expect([index.find('ours'), index.free()]).toEqual(['fileio_2', 3]);

  rmdirSync(join(core, 'fileio_2', 'ours'));
  rmdirSync(join(core, 'fileio_2'));
  index.removed('fileio_2');
  expect([index.find('ours'), index.free()]).toEqual([null, 2]);
});

import { mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockStateFolder, noteRestored, readInstances, wasRestored, writeInstances } from './state-folder';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'spindle-state-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const instance = (n: number) => `018f3a5e-0000-7000-8000-${String(n).padStart(12, '0')}`;

test('a folder is one process’s, by whichever path it is called, until that lets it go', async () => {
  const state = join(dir, 'state');
  const lock = await lockStateFolder(state);
  symlinkSync(state, join(dir, 'other-name'));

  await expect(lockStateFolder(state)).rejects.toThrow(`STATE_DIR: another executor is running on ${state}`);
  await expect(lockStateFolder(join(dir, 'other-name'))).rejects.toThrow('another executor is running');
  (await lockStateFolder(join(dir, 'of-another'))).close();
  lock.close();
  (await lockStateFolder(state)).close();
  expect(statSync(state).mode & 0o777).toBe(0o700);
});

test('who may have held the node is known to the next start, and to the owner alone', () => {
  expect(readInstances(dir)).toEqual([]);

  writeInstances(dir, [instance(1), instance(2)]);

  expect(readInstances(dir)).toEqual([instance(1), instance(2)]);
  expect(statSync(join(dir, 'instances')).mode & 0o777).toBe(0o600);
  expect(readdirSync(dir)).toEqual(['instances']);
});

test('of many starts in a row the last ones are kept', () => {
  writeInstances(
    dir,
    [...Array(30)].map((_, at) => instance(at)),
  );

  expect(readInstances(dir)).toHaveLength(20);
  expect(readInstances(dir).at(-1)).toBe(instance(29));
});

test('an instance file that power cut short is as if there were none', () => {
  writeFileSync(join(dir, 'instances'), `${instance(1)}\n018f3a5e-00`);

  expect(readInstances(dir)).toEqual([]);
});

test('that the node was restored is known until it boots again', () => {
  expect(wasRestored(dir)).toBe(false);

  noteRestored(dir);
  expect(wasRestored(dir)).toBe(true);

  writeFileSync(join(dir, 'restored-in-boot'), '018f3a5e-0000-4000-8000-000000000001\n');
  expect(wasRestored(dir)).toBe(false);
});

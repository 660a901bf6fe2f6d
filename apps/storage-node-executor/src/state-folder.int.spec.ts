import { mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockStateFolder, readInstance, writeInstance } from './state-folder';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'spindle-state-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const INSTANCE = '018f3a5e-0000-7000-8000-000000000001';

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

test('who held the node last is known to the next start, and to the owner alone', () => {
  expect(readInstance(dir)).toBeNull();

  writeInstance(dir, INSTANCE);

  expect(readInstance(dir)).toBe(INSTANCE);
  expect(statSync(join(dir, 'instance')).mode & 0o777).toBe(0o600);
  expect(readdirSync(dir)).toEqual(['instance']);
});

test('an instance file that power cut short is as if there were none', () => {
  writeFileSync(join(dir, 'instance'), '018f3a5e-00');

  expect(readInstance(dir)).toBeNull();
});

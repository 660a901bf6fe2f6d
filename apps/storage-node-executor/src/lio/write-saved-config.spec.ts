import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { writeSavedConfig } from './write-saved-config';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spindle-saved-'));
  file = join(folder, 'saveconfig.json');
});
afterEach(() => rmSync(folder, { recursive: true }));

const backups = (): string[] => readdirSync(join(folder, 'backup')).sort();

test('it is whole, for root alone, and leaves nothing beside it', () => {
  writeSavedConfig(file, '{"targets":[]}\n');

  expect(readFileSync(file, 'utf8')).toBe('{"targets":[]}\n');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['saveconfig.json']);
});

test('the one before is kept as targetcli keeps it, and only when it is another one', () => {
  writeSavedConfig(file, 'one');
  writeSavedConfig(file, 'two');
  writeSavedConfig(file, 'two');

  expect(backups()).toHaveLength(1);
  expect(backups()[0]).toMatch(/^saveconfig-\d{8}-\d\d:\d\d:\d\d-json\.gz$/);
  expect(gunzipSync(readFileSync(join(folder, 'backup', backups()[0]!))).toString()).toBe('one');
});

test('no more than ten are kept, the newest ones', () => {
  writeSavedConfig(file, 'first');
  mkdirSync(join(folder, 'backup'));
  for (let day = 10; day < 22; day++) writeFileSync(join(folder, 'backup', `saveconfig-202001${day}-00:00:00-json.gz`), `day ${day}`);

  writeSavedConfig(file, 'second');

  expect(backups()).toHaveLength(10);
  expect(backups()[0]).toContain('20200113');
});

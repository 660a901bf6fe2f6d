import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { BadSettings, commonSettings, loadSettings } from './index';

const folder = mkdtempSync(join(tmpdir(), 'spindle-secrets-'));
afterAll(() => rmSync(folder, { recursive: true }));

const Settings = z.object({
  ...commonSettings,
  DATABASE_URL: z.url(),
  MIGRATION_DATABASE_URL: z.url().optional(),
  AUTH_PRIVATE_KEY_FILE: z.string(),
  AUTH_PUBLIC_KEY_FILE: z.string(),
  ADMIN_PASSWORD_FILE: z.string().optional(),
});

let files = 0;
const file = (text: string, mode = 0o600): string => {
  const path = join(folder, String(files++));
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
};

const GOOD = 'k3Vx_91mPq-Zr7';
const good = () => ({
  NODE_ENV: 'production',
  NATS_USER: 'targets',
  NATS_PASSWORD: GOOD,
  DATABASE_URL: `postgresql://targets_app:${GOOD}@127.0.0.1:5432/spindle`,
  AUTH_PRIVATE_KEY_FILE: file('key'),
  AUTH_PUBLIC_KEY_FILE: file('public', 0o644),
  ADMIN_PASSWORD_FILE: file(`${GOOD}\n`),
});

const problemsWith = (more: Record<string, string>): string[] => {
  try {
    loadSettings(Settings, { ...good(), ...more });
  } catch (error) {
    if (error instanceof BadSettings) return error.problems;
  }
  return [];
};

it('good secrets start', () => {
  expect(problemsWith({})).toEqual([]);
});

it.each([
  'admin',
  'changeme',
  'password1234!',
  'Spindle-Spindle-2025',
  'postgres',
  'correct horse battery staple',
  '000000000000000',
  'abababababababab',
  'x8f-2kQ',
])('%j is no password of NATS', (password) => {
  expect(problemsWith({ NATS_PASSWORD: password })).toEqual([expect.stringMatching(/^NATS_PASSWORD: (is a default|has fewer)/)]);
});

it.each([
  ['postgresql://targets_app:postgres@db/spindle', 'its password is a default'],
  ['postgresql://targets_app:x8f-2kQ@db/spindle', 'its password has fewer than 12 characters'],
  ['postgresql://targets_app:%63hangeme@db/spindle', 'its password is a default'],
  ['postgresql://targets_app@db/spindle', 'its password is missing'],
])('%s is no way into the database', (url, problem) => {
  expect(problemsWith({ MIGRATION_DATABASE_URL: url })).toEqual([`MIGRATION_DATABASE_URL: ${problem}`]);
});

it('a socket needs no password', () => {
  expect(problemsWith({ DATABASE_URL: 'postgresql:///spindle?host=/run/postgresql' })).toEqual([]);
});

it.each([
  [0o644, 'can be read by everybody'],
  [0o604, 'can be read by everybody'],
  [0o620, 'can be changed by others'],
])('a key with mode %o is refused', (mode, problem) => {
  expect(problemsWith({ AUTH_PRIVATE_KEY_FILE: file('key', mode) })).toEqual([expect.stringContaining(problem)]);
});

it('nobody connects to NATS as nobody in particular, nor with a password in the address', () => {
  expect(problemsWith({ NATS_PASSWORD: '', NATS_USER: '' })).toEqual([expect.stringMatching(/^NATS_PASSWORD: not set/)]);
  expect(problemsWith({ NATS_URL: 'nats://a:b@127.0.0.1:4222' })).toEqual([expect.stringMatching(/^NATS_URL: holds a password/)]);
});

it('all that is wrong stands in one list, with the other mistakes', () => {
  const bad = {
    NATS_PASSWORD: 'nats',
    DATABASE_URL: 'postgresql://targets_app:spindle@db/spindle',
    AUTH_PRIVATE_KEY_FILE: file('key', 0o644),
    ADMIN_PASSWORD_FILE: file('changeme-changeme'),
    LOG_LEVEL: 'loud',
  };

  const problems = problemsWith(bad);

  expect(problems.map((problem) => problem.split(':')[0])).toEqual([
    'LOG_LEVEL',
    'NATS_PASSWORD',
    'DATABASE_URL',
    'AUTH_PRIVATE_KEY_FILE',
    'ADMIN_PASSWORD_FILE',
  ]);
  expect(problems.join()).not.toContain('changeme');
});

it('elsewhere than in production nobody is kept from trying', () => {
  expect(problemsWith({ NODE_ENV: 'development', NATS_PASSWORD: 'nats' })).toEqual([]);
});

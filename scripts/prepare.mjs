// What a fresh clone needs before anything compiled can run: packages from the lock file, then a build. Does nothing twice.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

const run = (what, command, args) => {
  const since = Date.now();
  process.stdout.write(`… ${what}\n`);
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) fail(`${what} failed${error ? `: ${error.message}` : ''}`);
  process.stdout.write(`✓ ${what} (${((Date.now() - since) / 1000).toFixed(1)} s)\n`);
};

const fail = (text) => {
  process.stderr.write(`${text}\n`);
  process.exit(1);
};

/** @param {{ install: boolean }} options `install: false` only says what is missing */
export const prepare = ({ install }) => {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) fail(`Node 20.19 or later is needed; this is ${process.versions.node}`);
  process.chdir(root);
  const lock = createHash('sha256').update(readFileSync('package-lock.json')).digest('hex');
  const stamp = 'node_modules/.spindle-lock';
  const installed = existsSync(stamp) && readFileSync(stamp, 'utf8') === lock;
  if (!installed && !install) fail('The npm packages are not installed, or not those of package-lock.json: run npm ci.');
  if (!installed) {
    run('install the npm packages of package-lock.json', 'npm', ['ci', '--no-audit', '--no-fund']);
    writeFileSync(stamp, lock);
  }
  run('compile', process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json']);
  run('bundle the executor', process.execPath, ['scripts/bundle-executor.mjs']);
};

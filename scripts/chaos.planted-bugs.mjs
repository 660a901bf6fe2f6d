// `npm run chaos -- --planted-bugs [names]`: plants one known bug at a time in a copy, and runs the cheapest check that must catch it.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './prepare.mjs';

const copy = join(root, '.spindle/chaos/planted');
const results = join(root, '.spindle/chaos/planted-bugs.json');
const COPIED = ['apps', 'libs', 'test', 'scripts', 'docs', 'examples', 'deploy', 'dist', 'README.md', 'ARCHITECTURE.md'];
const CONFIG = ['package.json', 'package-lock.json', 'jest.config.js', 'tsconfig.json', 'tsconfig.build.json'];
const CHECK_LIMIT_MS = 240_000;

const makeCopy = () => {
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy, { recursive: true });
  for (const name of [...COPIED, ...CONFIG])
    if (existsSync(join(root, name))) cpSync(join(root, name), join(copy, name), { recursive: true, preserveTimestamps: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
};

const run = (args) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: copy,
    encoding: 'utf8',
    timeout: CHECK_LIMIT_MS,
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { status, output: stdout + stderr };
};

/** Those in the storage lab run what is compiled; type errors are no matter, and a bug may well be one. */
const needsBuild = ({ jest, chaos }) => chaos !== undefined || !/unit|int/.test(jest[1]);
const check = (bug) => {
  if (needsBuild(bug)) run(['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json']);
  if (bug.chaos) return run(['scripts/chaos.mjs', '--points', bug.chaos]);
  return run(['node_modules/jest/bin/jest.js', ...bug.jest]);
};

/** What failed, in a line. */
const reasonOf = (output) =>
  output
    .split('\n')
    .find((line) => /^ {4}(lost|doubled|orphaned|open|events|audit|answer|late):|^ {2}● /.test(line))
    ?.trim()
    .replace(/^● /, '') ?? 'it ended with an error';

/** @returns the exit code: 0 when every one was caught */
export const plantBugs = (names) => {
  const all = JSON.parse(readFileSync(join(root, 'test/chaos/planted-bugs.json'), 'utf8'));
  const bugs = all.filter(({ name }) => names.length === 0 || names.includes(name));
  makeCopy();
  const controls = new Map();
  const found = [];
  for (const bug of bugs) {
    const since = Date.now();
    const path = join(copy, bug.file);
    const before = readFileSync(path, 'utf8');
    if (before.split(bug.search).length !== 2) {
      found.push({ name: bug.name, verdict: 'not planted: its place in the source has changed' });
    } else {
      const what = JSON.stringify(bug.jest ?? bug.chaos);
      // a check that fails by itself catches nothing
      if (!controls.has(what)) controls.set(what, check(bug));
      if (controls.get(what).status !== 0) {
        found.push({ name: bug.name, verdict: `no check: it fails without the bug (${reasonOf(controls.get(what).output)})` });
      } else {
        writeFileSync(
          path,
          before.replace(bug.search, () => bug.replace),
        );
        const { status, output } = check(bug);
        writeFileSync(path, before);
        found.push({ name: bug.name, caught: status !== 0, verdict: status === 0 ? 'NOT caught' : `caught: ${reasonOf(output)}` });
      }
    }
    console.log(`${bug.name}: ${found.at(-1).verdict} (${((Date.now() - since) / 1000).toFixed(0)} s)`);
  }
  writeFileSync(results, `${JSON.stringify(found, null, 2)}\n`);
  const caught = found.filter((bug) => bug.caught).length;
  console.log(`${caught} caught / ${found.length} planted`);
  return caught === found.length ? 0 : 1;
};

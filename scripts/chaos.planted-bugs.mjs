// `npm run chaos -- --planted-bugs [names]`: plants one known bug at a time in a copy, and runs the cheapest check that must catch it.
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { clearTimeout, setTimeout } from 'node:timers';
import { stripVTControlCharacters } from 'node:util';
import { root } from './prepare.mjs';

const list = join(root, 'test/chaos/planted-bugs.json');
const copy = join(root, '.spindle/chaos/planted');
const results = join(root, '.spindle/chaos/planted-bugs.json');
const NOT_COPIED = ['node_modules', '.git', '.spindle', 'coverage'];
const CHECK_LIMIT_MS = 300_000;
const REASON_LENGTH = 240;
const FINAL = ['caught', 'missed'];

/** What the checks make in the folder for such things; the path is short enough for sockets, and the next run knows it again. */
const temporary = join(tmpdir(), `planted-${createHash('sha256').update(root).digest('hex').slice(0, 8)}`);
/** The process of the check that is under way. */
let atWork;
let leaving = false;

const makeCopy = () => {
  removeCopy();
  mkdirSync(copy, { recursive: true });
  for (const name of readdirSync(root).filter((entry) => !NOT_COPIED.includes(entry)))
    cpSync(join(root, name), join(copy, name), { recursive: true, preserveTimestamps: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  mkdirSync(temporary, { mode: 0o755 }); // what runs as another user has folders in it
};

/** Processes of a check that was killed may still write for a moment. */
const removeCopy = () => {
  for (const folder of [copy, temporary]) rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
};

/** Ends with us, however we end: its own children, which lead sessions of their own, see to the same. */
const run = async (args) => {
  const { spawnGuarded } = await import('../dist/libs/embedded/src/child-guard.js');
  const child = spawnGuarded(process.execPath, args, { cwd: copy, env: { ...process.env, TMPDIR: temporary }, stdio: ['pipe', 'pipe'] });
  atWork = child;
  let output = '';
  for (const stream of [child.process.stdout, child.process.stderr]) stream.on('data', (text) => (output += text));
  let hung = false;
  const limit = setTimeout(() => {
    hung = true;
    void child.kill();
  }, CHECK_LIMIT_MS);
  const { code } = await child.ended;
  clearTimeout(limit);
  atWork = undefined;
  if (leaving) await new Promise(() => undefined); // a check that was stopped says nothing about its bug
  return { code, hung, output };
};

const oneLine = (text) => {
  const plain = stripVTControlCharacters(text)
    .split(/\n\s+at /)[0]
    .replace(/\s+/g, ' ')
    .trim();
  return plain.length > REASON_LENGTH ? `${plain.slice(0, REASON_LENGTH)} …` : plain;
};
const lastLine = (output) => oneLine(output.trim().split('\n').at(-1) ?? '');
const isTimeout = (message) => /Exceeded timeout of/.test(message);

/** @param says what a failure has to say to be the bug's own: a busy machine fails tests too */
const jest = async ({ project, spec, test }, says) => {
  const outputFile = join(temporary, 'jest.json');
  rmSync(outputFile, { force: true });
  const choice = ['--selectProjects', project, '--runInBand', '--testPathPatterns', spec, ...(test ? ['-t', test] : [])];
  const { hung, output } = await run(['node_modules/jest/bin/jest.js', ...choice, '--forceExit', '--json', '--outputFile', outputFile]);
  if (hung) return { verdict: 'hung', reason: `no end within ${CHECK_LIMIT_MS / 1_000} s` };
  if (!existsSync(outputFile)) return { verdict: 'broke', reason: lastLine(output) };
  const { testResults } = JSON.parse(readFileSync(outputFile, 'utf8'));
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const failed = tests
    .filter(({ status }) => status === 'failed')
    .map(({ title, failureMessages }) => ({ title, message: stripVTControlCharacters(failureMessages.join('\n')) }));
  const reasonOf = ({ title, message }) => `${title}: ${oneLine(message)}`;
  const told = failed.find(({ message }) => message.includes(says));
  if (told) return { verdict: 'caught', reason: reasonOf(told) };
  const otherwise = failed.find(({ message }) => !isTimeout(message));
  if (otherwise) return { verdict: 'broke', reason: `failed otherwise: ${reasonOf(otherwise)}` };
  if (failed.length > 0) return { verdict: 'hung', reason: reasonOf(failed[0]) };
  if (!tests.some(({ status }) => status === 'passed'))
    return { verdict: 'broke', reason: oneLine(testResults[0]?.message || 'no such test') };
  return { verdict: 'missed', reason: '' };
};

/** Those in the storage lab and with whole services run what is compiled. */
const check = async (bug) => {
  if (!['unit', 'int'].includes(bug.jest.project)) {
    for (const step of [['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], ['scripts/bundle-executor.mjs']]) {
      const { code, output } = await run(step);
      if (code !== 0) return { verdict: 'broke', reason: oneLine(`it does not compile: ${output}`) };
    }
  }
  return jest(bug.jest, bug.says);
};

const controls = new Map();

/** A check that fails by itself catches nothing. */
const control = async (bug) => {
  const what = JSON.stringify(bug.jest);
  if (!controls.has(what)) controls.set(what, await check(bug));
  return controls.get(what);
};

const plant = async (bug) => {
  const path = join(copy, bug.file);
  const before = readFileSync(path, 'utf8');
  if (before.split(bug.search).length !== 2) return { verdict: 'not planted', reason: 'its place in the source has changed' };
  const without = await control(bug);
  if (without.verdict !== 'missed') return { verdict: 'no check', reason: `it fails without the bug too: ${without.reason}` };
  writeFileSync(
    path,
    before.replace(bug.search, () => bug.replace),
  );
  const found = await check(bug);
  writeFileSync(path, before);
  return found;
};

const nameOf = ({ project, spec, test }) => [`${project} ${spec}`, test].filter(Boolean).join(': ');

const cleanUpWhenKilled = () => {
  for (const [signal, number] of Object.entries({ SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }))
    process.once(signal, async () => {
      leaving = true;
      await atWork?.kill();
      removeCopy();
      process.exit(128 + number);
    });
};

/**
 * What was found before on the same commit is kept; with `resume`, what was caught or missed is not tried again.
 * @returns the exit code: 0 when every one was caught
 */
export const plantBugs = async (names, { commit, resume }) => {
  const all = JSON.parse(readFileSync(list, 'utf8'));
  const unknown = names.filter((name) => !all.some((bug) => bug.name === name));
  if (unknown.length > 0) throw new Error(`no such bug: ${unknown.join(', ')}`);
  const before = existsSync(results) ? JSON.parse(readFileSync(results, 'utf8')) : {};
  const known = new Map(before.commit === commit ? before.bugs.map((bug) => [bug.name, bug]) : []);
  const wanted = all.filter(
    ({ name }) => (names.length === 0 || names.includes(name)) && !(resume && FINAL.includes(known.get(name)?.verdict)),
  );
  cleanUpWhenKilled();
  try {
    if (wanted.length > 0) makeCopy();
    for (const bug of wanted) {
      const since = Date.now();
      const { verdict, reason } = await plant(bug);
      const seconds = Math.round((Date.now() - since) / 1_000);
      known.set(bug.name, { name: bug.name, check: nameOf(bug.jest), verdict, reason, seconds });
      console.log(`${bug.name}: ${verdict}${reason ? `: ${reason}` : ''} (${seconds} s)`);
      mkdirSync(dirname(results), { recursive: true });
      const bugs = all.flatMap(({ name }) => known.get(name) ?? []);
      writeFileSync(results, `${JSON.stringify({ commit, listed: all.length, bugs }, null, 2)}\n`);
    }
  } finally {
    removeCopy();
  }
  const found = all.flatMap(({ name }) => (names.length === 0 || names.includes(name) ? (known.get(name) ?? []) : []));
  const hung = found.filter(({ verdict }) => verdict === 'hung').length;
  const caught = found.filter(({ verdict }) => verdict === 'caught').length;
  if (hung > 0) console.log(`${hung} hung`);
  console.log(`${caught} caught / ${found.length} planted`);
  return caught === found.length ? 0 : 1;
};

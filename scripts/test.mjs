// `npm test`: installs what is missing, builds, then runs every test against real parts. Further words go to jest.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { prepare, root } from './prepare.mjs';

prepare({ install: true });
const { installPrerequisites } = await import('../dist/libs/embedded/src/index.js');
await installPrerequisites(['nats', 'storage-lab', 'initiator'], (line) => console.log(line));

const results = join(root, '.spindle/test-results');
rmSync(results, { recursive: true, force: true });
mkdirSync(results, { recursive: true });

/**
 * What needs no Spindle of its own first: it fails soonest. Of the others three files at once: two CPUs have little left then, while two files
 * leave a quarter of them idle. What is looked at in them is order and outcome, and limits of time are wide.
 */
const RUNS = [
  { name: 'unit and int', args: ['--selectProjects', 'unit', 'int', '--maxWorkers', '2'] },
  {
    name: 'chaos, e2e, lio and prove',
    args: ['--selectProjects', 'chaos', 'e2e', 'lio', 'prove', '--maxWorkers', '3', '--testSequencer', './scripts/long-kinds-first.cjs'],
  },
];

const total = { passed: 0, failed: 0, suitesFailed: 0 };
let failed = false;
for (const [i, { name, args }] of RUNS.entries()) {
  const since = Date.now();
  const outputFile = join(results, `${i}.json`);
  const jest = [
    'node_modules/jest/bin/jest.js',
    ...args,
    '--passWithNoTests',
    '--json',
    '--outputFile',
    outputFile,
    ...process.argv.slice(2),
  ];
  const { status } = spawnSync(process.execPath, jest, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  failed ||= status !== 0;
  const { numPassedTests, numFailedTests, numFailedTestSuites } = JSON.parse(readFileSync(outputFile, 'utf8'));
  total.passed += numPassedTests;
  total.failed += numFailedTests;
  total.suitesFailed += numFailedTestSuites;
  console.log(`${name}: ${numPassedTests} passed, ${numFailedTests} failed in ${((Date.now() - since) / 1000).toFixed(0)} s`);
}
writeFileSync(join(root, '.spindle/test-results.json'), JSON.stringify({ numPassedTests: total.passed, numFailedTests: total.failed }));
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(failed || total.failed > 0 || total.suitesFailed > 0 ? 1 : 0);

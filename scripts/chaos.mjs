// `npm run chaos`: kills, stops and cuts off the parts of a real Spindle while clients use it. `--help` says how.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { transformFileSync } from '@swc/core';
import { prepare, root } from './prepare.mjs';

const require = createRequire(import.meta.url);
const argv = process.argv.slice(2);

/** The harness is TypeScript and no part of the product's build: it is put beside that, file by file. */
const compileHarness = () => {
  for (const folder of ['test/harness', 'test/chaos']) {
    mkdirSync(join(root, 'dist', folder), { recursive: true });
    for (const name of readdirSync(join(root, folder)).filter((file) => /(?<!\.spec)\.ts$/.test(file))) {
      const { code } = transformFileSync(join(root, folder, name), {
        jsc: { parser: { syntax: 'typescript', decorators: true }, target: 'es2022' },
        module: { type: 'commonjs' },
      });
      writeFileSync(join(root, 'dist', folder, name.replace(/\.ts$/, '.js')), code);
    }
  }
};

const commit = () => {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty', '--exclude', '*'], { cwd: root, encoding: 'utf8' }).trim();
  } catch {
    return process.env.CHAOS_COMMIT ?? 'unknown';
  }
};

prepare({ install: false });
const { installPrerequisites } = await import('../dist/libs/embedded/src/index.js');
await installPrerequisites(['nats', 'storage-lab', 'initiator'], (line) => console.log(line));
if (argv.includes('--planted-bugs')) {
  const { plantBugs } = await import('./chaos.planted-bugs.mjs');
  const names = argv.filter((word) => !word.startsWith('--'));
  process.exit(await plantBugs(names, { commit: commit(), resume: argv.includes('--resume') }));
}
compileHarness();
process.exit(await require('../dist/test/chaos/main.js').main(argv, commit()));

// `npm run chaos`: kills, stops and cuts off the parts of a real Spindle while clients use it. `--help` says how.
import { createRequire } from 'node:module';
import { commitOf, compileHarness } from './compile-harness.mjs';
import { prepare } from './prepare.mjs';

const require = createRequire(import.meta.url);
const argv = process.argv.slice(2);

prepare({ install: false });
const { installPrerequisites } = await import('../dist/libs/embedded/src/index.js');
await installPrerequisites(['nats', 'storage-lab', 'initiator'], (line) => console.log(line));
const commit = commitOf('CHAOS_COMMIT');
if (argv.includes('--planted-bugs')) {
  const { plantBugs } = await import('./chaos.planted-bugs.mjs');
  const names = argv.filter((word) => !word.startsWith('--'));
  process.exit(await plantBugs(names, { commit, resume: argv.includes('--resume') }));
}
compileHarness(['harness', 'chaos']);
process.exit(await require('../dist/test/chaos/main.js').main(argv, commit));

// `npm run bench`: what a target costs, at the node, in a boot storm and in the control plane. `--help` says how.
import { createRequire } from 'node:module';
import { commitOf, compileHarness } from './compile-harness.mjs';
import { prepare } from './prepare.mjs';

const require = createRequire(import.meta.url);

prepare({ install: false });
const { installPrerequisites } = await import('../dist/libs/embedded/src/index.js');
await installPrerequisites(['nats', 'storage-lab', 'initiator'], (line) => console.error(line));
compileHarness(['harness', 'bench']);
process.exit(await require('../dist/test/bench/main.js').main(process.argv.slice(2), commitOf('BENCH_COMMIT')));

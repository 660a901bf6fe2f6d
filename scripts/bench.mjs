// `npm run bench`: how fast the control plane is, with a simulated storage node. `--full` for longer rounds, `--json FILE` to keep it.
import { createRequire } from 'node:module';
import { commitOf, compileHarness } from './compile-harness.mjs';
import { prepare } from './prepare.mjs';

const require = createRequire(import.meta.url);

prepare({ install: false });
compileHarness(['bench']);
process.exit(await require('../dist/test/bench/control-plane.js').main(process.argv.slice(2), commitOf('BENCH_COMMIT')));

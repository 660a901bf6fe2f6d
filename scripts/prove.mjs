// `npm run prove -- WORDS`: shows what Spindle claims of its trail, its secrets and its doors. `--help` says how.
import { createRequire } from 'node:module';
import { commitOf, compileHarness } from './compile-harness.mjs';
import { prepare } from './prepare.mjs';

const require = createRequire(import.meta.url);

prepare({ install: false });
const { installPrerequisites } = await import('../dist/libs/embedded/src/index.js');
await installPrerequisites(['nats', 'storage-lab', 'initiator'], (line) => console.log(line));
compileHarness(['harness', 'chaos', 'prove']);
process.exit(await require('../dist/test/prove/main.js').main(process.argv.slice(2), commitOf('PROVE_COMMIT')));

// `npm run backup -- --to FOLDER`: database, keys and a verified export of the audit trail, while Spindle runs. docs/operating.md
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { prepare, root } from './prepare.mjs';

const usage = `npm run backup -- --to FOLDER [--data-dir DIR]
  --to FOLDER      made by this, or empty. It holds every key: 0700, to be kept as they are
  --data-dir DIR   of the Spindle to back up (.spindle)`;

const { values } = parseArgs({
  options: { to: { type: 'string' }, 'data-dir': { type: 'string', default: '.spindle' }, help: { type: 'boolean' } },
});
if (!values.to || values.help) {
  console.error(usage);
  process.exit(values.help ? 0 : 2);
}
const from = resolve(process.env.INIT_CWD ?? root, values['data-dir']);
const to = resolve(process.env.INIT_CWD ?? root, values.to);
prepare({ install: false });
process.umask(0o077);
const { backUp } = await import('../dist/apps/all-in-one/src/back-up.js');
const since = Date.now();
try {
  const { audit, postgres, files } = await backUp({ dataDir: from, to, say: (line) => console.log(line) });
  console.log(`${to}: ${Object.keys(files).length} files in ${((Date.now() - since) / 1000).toFixed(1)} s
Postgres ${postgres.version} from ${postgres.start_lsn} to ${postgres.stop_lsn}; audit trail verified up to entry ${audit.size}
It holds the keys and every password's hash: keep it where you would keep them. Images and what nodes keep are not in it.`);
} catch (error) {
  console.error(`no backup was made: ${error.message}`);
  process.exit(1);
}

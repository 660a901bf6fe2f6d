// `npm run restore -- --from FOLDER --data-dir EMPTY`: makes a data folder from a backup and verifies it. docs/operating.md
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { prepare, root } from './prepare.mjs';

const usage = `npm run restore -- --from FOLDER --data-dir EMPTY [--checkpoints FILE]
  --from FOLDER        what npm run backup has made
  --data-dir EMPTY     made by this, or empty
  --checkpoints FILE   signed heads of the audit trail that were collected elsewhere, to compare it with`;

const { values } = parseArgs({
  options: { from: { type: 'string' }, 'data-dir': { type: 'string' }, checkpoints: { type: 'string' }, help: { type: 'boolean' } },
});
if (!values.from || !values['data-dir'] || values.help) {
  console.error(usage);
  process.exit(values.help ? 0 : 2);
}
const here = (path) => path && resolve(process.env.INIT_CWD ?? root, path);
prepare({ install: false });
process.umask(0o077);
const { restore } = await import('../dist/apps/all-in-one/src/restore.js');
const dataDir = here(values['data-dir']);
try {
  const options = { from: here(values.from), dataDir, collected: here(values.checkpoints), actor: `os:${userInfo().username}` };
  const { manifest, entries, compared, beyond, nodesHeld } = await restore({ ...options, say: (line) => console.log(line) });
  const { audit, made_at } = manifest;
  console.log(
    `${dataDir} is as of ${made_at}: the audit trail is the one of the backup (${audit.size} entries exported, ${entries} restored, ${compared} collected heads compared).`,
  );
  if (beyond > 0)
    console.log(
      `${beyond} collected heads are of entries that came after the backup: those are gone. Keep these heads apart (docs/audit.md).`,
    );
  console.log(`${nodesHeld} storage nodes are held. Go on with:  npm run quickstart -- --data-dir ${values['data-dir']} --plan`);
} catch (error) {
  console.error(`nothing was restored: ${error.message}`);
  process.exit(1);
}

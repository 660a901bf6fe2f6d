// `npm run plan`: what would be done to each storage node; `--accept NODE --plan NAME` lets it be done. docs/operating.md
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { prepare, root } from './prepare.mjs';

const usage = `npm run plan                                   what would be done to each storage node; nothing is
npm run plan -- --accept NODE --plan NAME      let it be done: NAME is that of the plan that was read
  --data-dir DIR      where endpoints.json is (.spindle); or SPINDLE_URL, SPINDLE_USERNAME and SPINDLE_PASSWORD`;

const { values } = parseArgs({
  options: {
    accept: { type: 'string' },
    plan: { type: 'string' },
    'data-dir': { type: 'string', default: '.spindle' },
    help: { type: 'boolean' },
  },
});
if (values.help || (values.accept === undefined) !== (values.plan === undefined)) {
  console.error(usage);
  process.exit(values.help ? 0 : 2);
}
const way = wayIn();
prepare({ install: false });
const { acceptPlan, showPlans } = await import('../dist/apps/all-in-one/src/show-plan.js');
const told = values.accept ? acceptPlan(way, values.accept, values.plan) : showPlans(way);
console.log((await told.catch((error) => fail(error.message))).join('\n'));

function wayIn() {
  const { SPINDLE_URL: url, SPINDLE_USERNAME: username, SPINDLE_PASSWORD: password } = process.env;
  if (url && username && password) return { url, username, password };
  const path = join(resolve(process.env.INIT_CWD ?? root, values['data-dir']), 'endpoints.json');
  try {
    const { http_url, ...login } = JSON.parse(readFileSync(path, 'utf8'));
    return { url: http_url, ...login };
  } catch {
    return fail(`cannot read ${path}, and SPINDLE_URL, SPINDLE_USERNAME and SPINDLE_PASSWORD are not set`);
  }
}

function fail(text) {
  console.error(text);
  process.exit(1);
}

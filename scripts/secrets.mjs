// `npm run secrets -- new-key | rotate-key`: the keys that encrypt CHAP secrets in the database.
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { prepare } from './prepare.mjs';

const usage = `npm run secrets -- new-key NAME   put a new key first in the file: from now on it encrypts; the old ones still open what they encrypted
npm run secrets -- rotate-key     encrypt everything with the first key of the file; the others may be taken out afterwards
  SECRETS_KEY_FILE and, for rotate-key, DATABASE_URL (as targets_app); or --data-dir DIR of a quickstart (.spindle)`;

const { positionals, values } = parseArgs({ allowPositionals: true, options: { 'data-dir': { type: 'string', default: '.spindle' } } });
const [verb, name] = positionals;
const file = process.env.SECRETS_KEY_FILE ?? join(values['data-dir'], 'secrets/secrets-keys');

if (verb === 'new-key' && /^[a-z0-9-]{1,32}$/.test(name ?? '')) addKey();
else if (verb === 'rotate-key') await rotate();
else fail(usage);

/** Whole or not at all: services read the file at any time. */
function addKey() {
  const known = read();
  if (known.split('\n').some((line) => line.startsWith(`${name}:`))) fail(`${file} has a key ${name} already`);
  writeFileSync(`${file}.new`, `${name}:${randomBytes(32).toString('base64')}\n${known}`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
  console.log(`${name} is the first key in ${file}: bring the file to every targets-service, then run rotate-key`);
}

async function rotate() {
  prepare({ install: false });
  const { rotateKey } = await import('../dist/apps/targets-service/src/secrets/rotate-key.js');
  const count = await rotateKey(databaseUrl(), file).catch((error) => fail(error.message));
  console.log(`${count} secrets are encrypted with the first key of ${file} now`);
}

function databaseUrl() {
  if (process.env.DATABASE_URL) return process.env.DATABASE_URL;
  const endpoints = join(values['data-dir'], 'endpoints.json');
  try {
    return JSON.parse(readFileSync(endpoints, 'utf8')).database_url;
  } catch {
    return fail(`cannot read ${endpoints}, and DATABASE_URL is not set`);
  }
}

function read() {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return fail(`cannot read ${file}`);
  }
}

function fail(text) {
  console.error(text);
  process.exit(2);
}

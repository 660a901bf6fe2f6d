// `npm run audit -- export | verify | drop | key`: the audit trail for somebody who need not trust whoever runs it. docs/audit.md
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { URLSearchParams } from 'node:url';
import { parseArgs } from 'node:util';
import { prepare } from './prepare.mjs';

const usage = `npm run audit -- export FILE [filters]       write the trail to FILE, and the key to verify it with to FILE.key
npm run audit -- verify FILE                 verify an export offline; exit code 1 names the first thing that is wrong
npm run audit -- key                         print the verifier key and the newest signed head
npm run audit -- drop FILE --before YYYY-MM  drop whole months that FILE has (AUDIT_OWNER_DATABASE_URL: the trail's owner)
  --key FILE          verify, drop: verifier key that you were given; FILE.key by default
  --checkpoints FILE  verify, drop: signed heads that were collected elsewhere, against a cut at the end
  --actor --action --outcome --target-id --machine-id --from --to --correlation-id   export: a part, each entry with its own proof
  --data-dir DIR      where endpoints.json is (.spindle); or SPINDLE_URL and SPINDLE_TOKEN`;

const FILTERS = ['actor', 'action', 'outcome', 'target-id', 'machine-id', 'from', 'to', 'correlation-id'];
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: Object.fromEntries([...FILTERS, 'key', 'checkpoints', 'before', 'data-dir'].map((name) => [name, { type: 'string' }])),
});
const [verb, file] = positionals;

if (verb === 'export' && file) await exportTo(file);
else if (verb === 'verify' && file) await verify(file);
else if (verb === 'drop' && file && values.before) await drop(file);
else if (verb === 'key') await showKey();
else fail(usage);

async function exportTo(path) {
  const ask = await auditor();
  const { size, verifier_key } = await ask('checkpoint', {});
  const filters = Object.fromEntries(FILTERS.filter((name) => values[name]).map((name) => [name.replace('-', '_'), values[name]]));
  const out = openSync(path, 'wx', 0o600);
  let lines = 0;
  for (let after = 0; after !== null;) {
    const page = await ask('export', { ...filters, size, after });
    for (const line of page.lines) writeSync(out, `${line}\n`);
    lines += page.lines.length;
    after = page.next;
  }
  closeSync(out);
  writeFileSync(`${path}.key`, `${verifier_key}\n`);
  console.log(`${lines} lines up to entry ${size} in ${path}; key ${verifier_key}`);
}

async function verify(path) {
  const { verifyFile } = await built('verify-file');
  const verdict = await verifyFile(filesOf(path)).catch((error) => fail(error.message));
  const { fault, entries, provenTo, heads, dropped, isPart, unseen, unsigned } = verdict;
  if (dropped > 0) console.log(`entries up to ${dropped} were dropped: ask for the export that the entry audit.drop names by its SHA-256`);
  if (unsigned > 0) console.log(`${unsigned} collected heads are not signed by this key, and were not looked at`);
  if (unseen > 0) console.log(`${unseen} collected heads are older than what is here, and were not looked at`);
  if (isPart) console.log('a part of the trail: each entry is proved to be in it, not that no other fits the filter');
  if (!fault) return console.log(`good: ${entries} entries, ${heads} signed heads, nothing was changed up to entry ${provenTo}`);
  console.log(`NOT GOOD: line ${fault.line}: ${fault.what}\nup to entry ${provenTo} nothing was changed`);
  process.exit(1);
}

async function drop(path) {
  const { runDrop } = await built('run-drop');
  const url = process.env.AUDIT_OWNER_DATABASE_URL ?? fail('AUDIT_OWNER_DATABASE_URL is not set');
  const upTo = await runDrop(url, values.before, filesOf(path), `os:${userInfo().username}`).catch((error) => fail(error.message));
  console.log(`entries up to ${upTo} are gone; keep ${path}, its key and the collected heads`);
}

async function showKey() {
  const { verifier_key, note } = await (await auditor())('checkpoint', {});
  console.log(`${verifier_key}\n\n${note}`);
}

function filesOf(path) {
  return { export: path, key: values.key ?? `${path}.key`, checkpoints: values.checkpoints };
}

async function built(name) {
  prepare({ install: false });
  return import(`../dist/apps/audit-service/src/${name}.js`);
}

async function auditor() {
  const { url, token } = await wayIn();
  return async (what, query) => {
    const address = `${url}/api/v1/audit/${what}?${new URLSearchParams(Object.entries(query))}`;
    const answer = await fetch(address, { headers: { authorization: `Bearer ${token}` } }).catch((error) => fail(error.message));
    const body = await answer.json();
    return answer.ok ? body : fail(`${body.code}: ${body.detail}`);
  };
}

async function wayIn() {
  const { SPINDLE_URL, SPINDLE_TOKEN } = process.env;
  if (SPINDLE_URL && SPINDLE_TOKEN) return { url: SPINDLE_URL, token: SPINDLE_TOKEN };
  const path = join(values['data-dir'] ?? '.spindle', 'endpoints.json');
  let endpoints;
  try {
    endpoints = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    fail(`cannot read ${path}, and SPINDLE_URL and SPINDLE_TOKEN are not set`);
  }
  const { http_url: url, username, password } = endpoints;
  const answer = await fetch(`${url}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, password }),
  }).catch((error) => fail(error.message));
  return { url, token: (await answer.json()).access_token };
}

function fail(text) {
  console.error(text);
  process.exit(2);
}

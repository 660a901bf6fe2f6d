// `npm run nats -- request SUBJECT [JSON]` and `npm run nats -- listen SUBJECT`: a look at the bus, since Debian has no client.
// Finds server and login in endpoints.json; logs in by itself when the subject needs a token.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { connect, headers } from 'nats';

const usage = `npm run nats -- request SUBJECT [JSON]   ask once and print the answer
npm run nats -- listen SUBJECT           print events as they come; quote wildcards: 'target.*'
  --data-dir DIR   where endpoints.json is (.spindle)
  --count N        listen: end after N messages
  --anonymous      request: send no token`;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    'data-dir': { type: 'string', default: '.spindle' },
    count: { type: 'string' },
    anonymous: { type: 'boolean', default: false },
  },
});
const [verb, subject, json = '{}'] = positionals;
if (!['request', 'listen'].includes(verb) || !subject) fail(usage);

const file = join(values['data-dir'], 'endpoints.json');
let endpoints;
try {
  endpoints = JSON.parse(readFileSync(file, 'utf8'));
} catch {
  fail(`cannot read ${file}: is Spindle running? (npm run quickstart)`);
}
const bus = await connect({
  servers: endpoints.nats_url,
  user: endpoints.nats_user,
  pass: endpoints.nats_password,
  name: 'spindle nats script',
  timeout: 3000,
}).catch((error) => fail(`cannot connect to ${endpoints.nats_url}: ${error.message}`));

if (verb === 'listen') {
  const subscription = bus.subscribe(subject, { max: values.count ? Number(values.count) : undefined });
  console.error(`listening on ${subject}; Ctrl-C ends`);
  for await (const message of subscription) console.log(`${message.subject} ${message.string()}`);
  await bus.close();
} else {
  const h = headers();
  if (subject !== 'auth.login' && !subject.startsWith('$') && !values.anonymous) h.set('Authorization', `Bearer ${await token()}`);
  const answer = await bus.request(subject, json, { timeout: 30_000, headers: h }).catch((error) => fail(whyNot(error)));
  const refused = answer.headers?.get('Nats-Service-Error-Code');
  console.log(pretty(answer.string()));
  await bus.close();
  if (refused) process.exitCode = 1;
}

async function token() {
  const login = JSON.stringify({ username: endpoints.username, password: endpoints.password });
  const answer = await bus.request('auth.login', login, { timeout: 5000 });
  return answer.json().access_token;
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function fail(text) {
  console.error(text);
  process.exit(2);
}

/** An orchestrator's login may say what is served to it, and nothing else. */
function whyNot({ code, message }) {
  if (code === '503') return `nobody serves ${subject}`;
  return code === 'PERMISSIONS_VIOLATION' ? `this login may not say ${subject}: there is no such request` : message;
}

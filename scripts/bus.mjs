// `npm run bus`: keys and passwords of everybody on NATS, and the nats.conf that says what each of them may. Run it again to add somebody.
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { prepare } from './prepare.mjs';

const usage = `npm run bus -- [options]
  --node ID            add a storage node, by its NODE_ID; may be given several times
  --client NAME        add an orchestrator or other client; may be given several times
  --rotate NAME        make a new key or password for gateway, targets, audit, admin, node-ID or a client
  --remove NAME        take node-ID or a client off
  --dir DIR            where keys and passwords are kept (secrets/bus)
  --conf FILE          the configuration that is written (secrets/nats.conf)
  --listen ADDRESS     address and port of the server (0.0.0.0:4222)
  --store-dir DIR      where the server keeps its streams (/data/jetstream)
  --tls-cert FILE --tls-key FILE    the server's certificate and key, as the server finds them: switches TLS on
  --tls-ca FILE        ask clients for a certificate of this authority, too
  --before-2.10        leave out sync_interval, which such servers do not know; for tries only
What was said of the server is kept, too: it need not be said again.`;

const { values } = parseArgs({
  options: {
    node: { type: 'string', multiple: true, default: [] },
    client: { type: 'string', multiple: true, default: [] },
    rotate: { type: 'string', multiple: true, default: [] },
    remove: { type: 'string', multiple: true, default: [] },
    dir: { type: 'string', default: 'secrets/bus' },
    conf: { type: 'string', default: 'secrets/nats.conf' },
    listen: { type: 'string' },
    'store-dir': { type: 'string' },
    'tls-cert': { type: 'string' },
    'tls-key': { type: 'string' },
    'tls-ca': { type: 'string' },
    'before-2.10': { type: 'boolean' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(usage);
  process.exit(0);
}

prepare({ install: false });
const { natsConfiguration, openBusFolder } = await import('../dist/libs/embedded/src/index.js');

try {
  const { dir } = values;
  for (const name of [...values.rotate, ...values.remove]) forget(name);
  const bus = openBusFolder(dir, { nodes: values.node, clients: values.client, remove: values.remove });
  const server = keepServer(join(dir, 'server.json'));
  const text = natsConfiguration({
    serverName: 'spindle-nats',
    listen: server.listen ?? '0.0.0.0:4222',
    monitoring: '127.0.0.1:8222',
    storeDir: server['store-dir'] ?? '/data/jetstream',
    syncAlways: !server['before-2.10'],
    tls: server['tls-cert'] && { certFile: server['tls-cert'], keyFile: server['tls-key'], caFile: server['tls-ca'] },
    who: bus,
  });
  mkdirSync(dirname(values.conf), { recursive: true, mode: 0o700 });
  writePrivate(values.conf, `# Written by npm run bus; changes by hand are lost. It holds passwords of clients.\n${text}`);
  for (const user of Object.keys(bus.logins)) console.log(`${user}: ${join(dir, fileOf(user, bus.members))}`);
  console.log(`${values.conf} is written: have the server read it (nats-server --signal reload, or docker compose kill -s HUP nats)`);
} catch (error) {
  console.error(error.message);
  process.exit(2);
}

/** A new key or password is made for who has none. */
function forget(name) {
  const files = [join(values.dir, `${name}.seed`), join(values.dir, `${name}.password`)].filter((file) => existsSync(file));
  if (files.length === 0) throw new Error(`nobody is called ${name} in ${values.dir}`);
  for (const file of files) rmSync(file);
}

function fileOf(user, { clients }) {
  return `${user}.${clients.includes(user) ? 'password' : 'seed'}`;
}

function keepServer(file) {
  const kept = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  const names = ['listen', 'store-dir', 'tls-cert', 'tls-key', 'tls-ca', 'before-2.10'];
  const server = { ...kept, ...Object.fromEntries(names.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]]))) };
  if (Boolean(server['tls-cert']) !== Boolean(server['tls-key'])) throw new Error('--tls-cert and --tls-key go together');
  writePrivate(file, `${JSON.stringify(server, null, 2)}\n`);
  return server;
}

/** In place: a container has this very file mounted. */
function writePrivate(file, text) {
  writeFileSync(file, text, { mode: 0o600 });
  chmodSync(file, 0o600);
}

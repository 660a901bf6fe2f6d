import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, nkeyAuthenticator } from 'nats';
import { openBusFolder } from './bus-folder';
import { startNats, type NatsOptions, type RunningNats } from './nats';

let root: string;
let server: RunningNats | undefined;

beforeEach(() => void (root = mkdtempSync(join(tmpdir(), 'spindle-bus-folder-'))));
afterEach(async () => {
  await server?.stop();
  server = undefined;
  rmSync(root, { recursive: true, force: true });
});

const start = async (more: Partial<NatsOptions>): Promise<RunningNats> =>
  (server = await startNats({ dataDir: join(root, 'nats'), log: () => undefined, ...more }));
const seedIn = (file: string) => ({ authenticator: nkeyAuthenticator(Buffer.from(readFileSync(file, 'utf8').trim())) });

it('keeps each key and password in a file that only its owner can read, and makes none twice', () => {
  const bus = openBusFolder(root, { nodes: ['n1'], clients: ['c1'] });
  const again = openBusFolder(root, { nodes: ['n2'] });

  expect(readdirSync(root).filter((file) => (statSync(join(root, file)).mode & 0o077) !== 0)).toEqual([]);
  expect(again.members).toEqual({ nodes: ['n1', 'n2'], clients: ['c1'] });
  expect(again.logins).toMatchObject(bus.logins);
});

it.each(['gateway', 'admin', 'node-n1', 'Upper', '', 'a.b', 'a"b', '>'])('takes %j for no client', (name) => {
  expect(() => openBusFolder(root, { clients: [name] })).toThrow('not a name for a node or client');
});

it('a removed seed makes a new key: the old one is refused', async () => {
  const old = openBusFolder(root, { nodes: ['n1'] });
  const kept = readFileSync(old.seedFile('gateway'), 'utf8').trim();
  rmSync(old.seedFile('gateway'));
  const bus = openBusFolder(root);
  const { url } = await start({ who: bus });

  await expect(connect({ servers: url, authenticator: nkeyAuthenticator(Buffer.from(kept)) })).rejects.toThrow('Authorization Violation');
  await (await connect({ servers: url, ...seedIn(bus.seedFile('gateway')) })).close();
});

it('the configuration holds no seed', async () => {
  const bus = openBusFolder(root, { nodes: ['n1'], clients: ['c1'] });
  await start({ who: bus });
  const text = readFileSync(join(root, 'nats/nats.conf'), 'utf8');

  const seeds = ['gateway', 'targets', 'audit', 'admin', 'node-n1'].map((user) => readFileSync(bus.seedFile(user), 'utf8').trim());
  expect(seeds.filter((seed) => text.includes(seed))).toEqual([]);
});

it('with TLS a client that knows the authority gets in, and one without TLS does not', async () => {
  const file = (name: string) => join(root, name);
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const key = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
  execFileSync('openssl', [...key, ...subject, '-keyout', file('key.pem'), '-out', file('cert.pem')], { stdio: 'ignore' });
  const bus = openBusFolder(file('keys'));
  const { port } = await start({ who: bus, tls: { certFile: file('cert.pem'), keyFile: file('key.pem') } });
  // By name: the client does not compare an address with those in a certificate.
  const url = `localhost:${port}`;
  const login = seedIn(bus.seedFile('gateway'));

  const nats = await connect({ servers: url, ...login, tls: { caFile: file('cert.pem') } });
  await nats.flush();
  await nats.close();
  await expect(connect({ servers: url, ...login, timeout: 3_000 })).rejects.toThrow();
}, 20_000);

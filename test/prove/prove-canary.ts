import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot, spawnGuarded } from '#embedded';
import { TARGETCLI_WRAPPER, behave, installWrapper } from '../chaos/targetcli-wrapper';
import { startSpindleForTests, type SpindleForTests } from '../harness/spindle-for-tests';
import { ProcessSampler, searchFolder, searchRows } from './canary-places';
import { CHAP, makeTraffic } from './canary-traffic';
import type { Profile, Proof } from './proof';
import { formsOf, type Form } from './secret-forms';
import { SecretSearch, type Hit } from './secret-search';

const SIZES = { short: { operations: 150, chapTargets: 4 }, long: { operations: 10_000, chapTargets: 300 } };
const PLANTED = 'planted';

/** What is told to a process by its environment is there, for root and its own user; nothing else may be. */
const SETTINGS = /^database /;

/** What the installation made for itself. */
const installedSecrets = (spindle: SpindleForTests, dataDir: string, sampler: ProcessSampler): Map<string, string> => {
  const secrets = new Map<string, string>();
  const folder = join(dataDir, 'secrets');
  const isSecret = (name: string) => !name.endsWith('.pub.pem') && !name.endsWith('.json');
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile() && isSecret(one.name))) {
    const lines = readFileSync(join(entry.parentPath, entry.name), 'utf8').trim().split('\n');
    const inner = lines.filter((line) => !line.startsWith('-----') && line.length >= 12);
    // a key for encryption has its name before it
    inner.forEach((line, i) => secrets.set(`${entry.name} ${i}`, line.replace(/^[a-z0-9-]{1,32}:/, '')));
  }
  secrets.set('database superuser', new URL(spindle.endpoints.database_url).password);
  for (const environment of sampler.environments.values())
    for (const [, role, password] of environment.matchAll(/postgresql:\/\/((?:targets|audit)_\w+):([\w-]{20,})@/g))
      if (environment.includes(String(spindle.postgres.port))) secrets.set(`database ${role}`, password!);
  return secrets;
};

const textual = (forms: Form[]): string =>
  forms.flatMap(({ form, bytes }) => (form === 'utf-16' ? [] : [bytes.toString('utf8')])).join('\n');

/** What the lab shows: the homes of targetcli and the command lines that were seen; by a file, since a script's output has a limit. */
const labTexts = async (spindle: SpindleForTests): Promise<Buffer> => {
  const script = `(sort -u /run/command-lines
    find /run/home /var/lib/spindle/targetcli -type f -print -exec cat {} +) >/data/images/lab-texts 2>&1`;
  await spindle.lab.exec(script, { timeoutMs: 120_000 });
  return readFileSync(join(spindle.endpoints.image_root, 'lab-texts'));
};

const sampleLab = (spindle: SpindleForTests): Promise<unknown> =>
  spindle.lab.exec(
    `(while sleep 0.2; do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; done >>/run/command-lines) >/dev/null 2>&1 &`,
  );

const metricsOf = async ({ endpoints }: SpindleForTests): Promise<string> => {
  const urls = [`${endpoints.http_url}/metrics`, ...Object.values(endpoints.health_urls).map((url) => new URL('/metrics', url).href)];
  return (await Promise.all(urls.map(async (url) => (await fetch(url)).text()))).join('\n');
};

const wholeTrail = async (spindle: SpindleForTests): Promise<string> => {
  const pages: string[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const { body }: { body: { next_cursor: string | null } } = await spindle.http('GET', `audit?limit=200${cursor && `&cursor=${cursor}`}`);
    pages.push(JSON.stringify(body));
    cursor = body.next_cursor;
  }
  return pages.join('\n');
};

/** Everything says that it can do its work, and our own connection to the bus is there again. */
const untilReady = async (spindle: SpindleForTests): Promise<void> => {
  const urls = [spindle.lab.healthUrl, ...Object.values(spindle.endpoints.health_urls)].map((url) => new URL('/readyz', url).href);
  for (const url of urls)
    for (let tries = 0; (await fetch(url).catch(() => undefined))?.status !== 200 && tries < 300; tries++)
      await new Promise((done) => setTimeout(done, 100));
  await spindle.bus.flush();
};

/** A secret that was put there on purpose, in every form: what searches there must find it. */
const plant = async (spindle: SpindleForTests, dataDir: string, forms: Form[]): Promise<void> => {
  const bytes = Buffer.concat(forms.flatMap((form) => [form.bytes, Buffer.from('\n')]));
  mkdirSync(join(dataDir, 'logs'), { recursive: true });
  for (const folder of ['logs', 'nats', 'postgres/cluster', 'postgres/cluster/pg_wal', 'lab'])
    writeFileSync(join(dataDir, folder, 'planted'), bytes);
  await spindle.sql('CREATE TABLE public.planted (t text)');
  await spindle.sql('INSERT INTO public.planted VALUES ($1)', [textual(forms)]);
  await spindle.lab.exec(`cat >/var/lib/spindle/targetcli/planted.txt <<'END'\n${textual(forms)}\nEND`);
  await spawnGuarded('sh', ['-c', 'sleep 1', textual(forms)], { env: { PATH: '/usr/bin:/bin', PLANTED: textual(forms) } }).ended;
};

const run = async (profile: Profile, say: (line: string) => void) => {
  const size = SIZES[profile];
  const sampler = new ProcessSampler();
  const spindle = await startSpindleForTests('canary', { LOG_LEVEL: 'debug' });
  const dataDir = join(projectRoot(), '.spindle/tests', `canary-${process.pid}`);
  const traffic = { spindle, secrets: new Map<string, string>(), answers: [] as string[], operations: 0, chapTargets: 0 };
  const search = new SecretSearch();
  const planted = `Pl${randomBytes(9).toString('hex').slice(0, 14)}`;
  let trail: string;
  let metrics: string;
  let lab: Buffer;
  try {
    await sampleLab(spindle);
    await installWrapper(spindle);
    await behave(spindle, 'honest');
    await spindle.lab.stopExecutor();
    await spindle.lab.startExecutor({ TARGETCLI_PATH: TARGETCLI_WRAPPER, TARGETCLI_IDLE_MS: '0', LOG_LEVEL: 'debug' });
    await untilReady(spindle);
    const restart = ['targets-service', 'gateway', 'audit-service'] as const;
    await makeTraffic(traffic, size.operations, size.chapTargets, async (nth) => {
      const service = spindle.services[restart[nth % 3]!];
      await service.kill();
      await service.start();
      if (nth === 1) await spindle.restartNats();
      if (nth === 2) await spindle.restartPostgres();
      await untilReady(spindle);
    });
    say(
      `${traffic.operations} operations, ${traffic.chapTargets} targets ${CHAP ? 'with' : 'without'} CHAP, ${traffic.secrets.size} secrets`,
    );
    say('planting');
    await plant(spindle, dataDir, formsOf(planted));
    trail = await wholeTrail(spindle);
    metrics = await metricsOf(spindle);
    lab = await labTexts(spindle);
    say('read');
    sampler.stop();
    for (const [name, value] of [...installedSecrets(spindle, dataDir, sampler), ...traffic.secrets, ['admin', spindle.admin]] as [
      string,
      string,
    ][])
      search.add(name, value);
    search.add(PLANTED, planted);
    await searchRows(search, spindle.endpoints.database_url);
  } finally {
    sampler.stop();
    await spindle.end();
  }
  const extra = `\n${textual(formsOf(planted))}`;
  search.searchText('audit trail', 'pages of audit.search', trail + extra);
  search.searchText('metrics', 'all services', metrics + extra);
  search.searchText('answers on HTTP and NATS', 'all', traffic.answers.join('\n') + extra);
  search.searchText('the lab: .targetcli, command lines', 'texts', lab);
  search.searchText('command lines', 'all processes', [...sampler.commandLines].join('\n'));
  search.searchText('environments', 'all processes', [...sampler.environments.values()].join('\n'));
  await searchFolder(search, 'logs', join(dataDir, 'logs'));
  await searchFolder(search, 'JetStream store', join(dataDir, 'nats'), ['nats.conf']); // the server's own settings, 0600
  await searchFolder(search, 'Postgres data folder', join(dataDir, 'postgres', 'cluster'), ['pg_wal']);
  await searchFolder(search, 'Postgres WAL', join(dataDir, 'postgres', 'cluster', 'pg_wal'));
  await searchFolder(search, 'the lab: disk and logs', join(dataDir, 'lab'), ['control', 'uml']);
  say('searched');
  return finding(search, sampler, traffic);
};

const allowed = ({ secret, place }: Hit): boolean =>
  (place.startsWith('environments') && SETTINGS.test(secret)) ||
  // LIO keeps CHAP secrets in clear in its own saved file, mode 0600, on the state disk of the node.
  (place.startsWith('the lab: disk and logs: state.img') && /CHAP/.test(secret));

const finding = (
  search: SecretSearch,
  sampler: ProcessSampler,
  traffic: { operations: number; chapTargets: number; secrets: Map<string, string> },
) => {
  const forms = formsOf('Pl00000000000000').map(({ form }) => form);
  const rows = [...search.bytesSearched].map(([place, bytes]) => {
    const here = search.hits.filter((hit) => hit.place.startsWith(`${place}: `));
    const found = new Set(here.filter(({ secret }) => secret === PLANTED).map(({ form }) => form));
    const hits = here.filter((hit) => hit.secret !== PLANTED && !allowed(hit));
    const missed = forms.filter((form) => !found.has(form) && form !== 'utf-16');
    return { place, bytes, hits, found: found.size, missed };
  });
  const hits = rows.flatMap((one) => one.hits);
  const missed = rows.flatMap(({ place, missed: those }) => those.map((form) => `${place}: a planted secret was not found as ${form}`));
  const told = [...new Set(hits.map(({ secret, form, place }) => `${secret.replace(/ \d+$/, '')} as ${form} in ${place}`))];
  return {
    holds: hits.length === 0 && missed.length === 0,
    summary: `${traffic.operations} operations, ${traffic.chapTargets} targets ${CHAP ? 'with CHAP' : 'made; the contract has no CHAP yet'}, ${traffic.secrets.size} secrets of the traffic in ${search.forms.size} forms: ${hits.length} hits, ${missed.length} planted not found`,
    details: [
      '| place | bytes searched | hits | forms of a planted secret found |',
      '|---|---|---|---|',
      ...rows.map(({ place, bytes, hits: those, found }) => `| ${place} | ${bytes} | ${those.length} | ${found} |`),
      '',
      `${sampler.samples} looks at all processes, ${sampler.commandLines.size} command lines.`,
      '',
      ...[...told.slice(0, 50), ...missed].map((text) => `- ${text}`),
    ].join('\n'),
  };
};

export const proveCanary: Proof = { name: 'canary', title: 'Secrets appear nowhere', run };

import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { projectRoot } from '#embedded';
import { eventually } from '../harness/spindle-for-tests';

const root = projectRoot();
const dataDir = join(root, '.spindle/tests', `quickstart-${process.pid}`);
const main = join(root, 'dist/apps/all-in-one/src/main.js');

interface Run {
  child: ChildProcess;
  output: () => string;
  ended: Promise<number | null>;
}

const run = (...args: string[]): Run => {
  const child = spawn(process.execPath, [main, '--no-install', '--data-dir', dataDir, ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { child, output: () => text, ended: new Promise((resolve) => child.on('close', resolve)) };
};

/** Processes of this machine whose command line or working folder names the data folder. */
const left = (): string[] =>
  readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return line.includes(dataDir) ? [`${pid} ${line}`] : [];
      } catch {
        return [];
      }
    });

const noneLeft = () =>
  eventually(
    () => Promise.resolve(left()),
    (processes) => processes.length === 0,
    15_000,
  );

beforeAll(() => rmSync(dataDir, { recursive: true, force: true }));

it('the tour shows what was promised, ends with 0 and leaves no process; and so does a second one over its state', async () => {
  for (const round of ['first', 'second']) {
    const { output, ended } = run('--exit');

    const code = await ended;

    expect({ round, code, output: output() }).toMatchObject({ code: 0, output: expect.stringContaining('npm run nats') });
    for (const step of [
      /✓ register a sample disk image/,
      /✓ create a target for the machine .*\n.* is ACTIVE on lab-1/,
      /✓ read the LUN with iscsi-inq, as the machine .*\n.*LIO-ORG/,
      /✓ write and read 1 MiB with qemu-io.*\n.*wrote 1048576\/1048576.*\n.*read 1048576\/1048576/,
      /✓ refuse a stranger .*\n.*Authorization failure/,
      /✓ show the live status while the machine is logged in .*\n.*LOGGED_IN/,
      /✓ the events of the target.*\n.*target\.requested\.v1\n.*target\.created\.v1/,
      /✓ its audit records.*\n.*admin targets\.create allowed\n.*admin target\.created allowed/,
      /npm run nats -- .*request targets\.list/,
    ])
      expect(output()).toMatch(step);
    await noneLeft();
  }
  expect(statSync(join(dataDir, 'endpoints.json')).mode & 0o777).toBe(0o600);
}, 180_000);

it('a named port that is taken is a clear error and no hang', async () => {
  const other: Server = createServer();
  await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
  const { port } = other.address() as { port: number };

  const { output, ended } = run('--exit', '--http-port', String(port));

  expect(await ended).toBe(1);
  expect(output()).toContain(`Port ${port}`);
  other.close();
  await noneLeft();
}, 60_000);

it('a wrong option says which there are', async () => {
  const { output, ended } = run('--no-such-option');

  expect(await ended).toBe(1);
  expect(output()).toContain('--data-dir DIR');
}, 20_000);

it('every child dies with the process that started it, killed with SIGKILL; and a reset begins anew', async () => {
  const { child, output } = run('--reset');
  await eventually(
    () => Promise.resolve(output()),
    (text) => text.includes('Ctrl-C ends it'),
    90_000,
  );
  expect(left().length).toBeGreaterThan(6);

  child.kill('SIGKILL');

  await noneLeft();
  expect(existsSync(join(dataDir, 'postgres'))).toBe(true);
}, 120_000);

it('Ctrl-C ends everything in order', async () => {
  const { child, output, ended } = run();
  await eventually(
    () => Promise.resolve(output()),
    (text) => text.includes('Ctrl-C ends it'),
    90_000,
  );

  child.kill('SIGINT');

  expect(await ended).toBe(0);
  await noneLeft();
}, 120_000);

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

// Lets plain node load the TypeScript sources, so that a test can start something elsewhere and kill the starter.
const loader = `
const { transformSync } = require('@swc/core');
require.extensions['.ts'] = (module, filename) => {
  const source = require('node:fs').readFileSync(filename, 'utf8');
  const jsc = { parser: { syntax: 'typescript' }, target: 'es2022' };
  module._compile(transformSync(source, { filename, jsc, module: { type: 'commonjs' } }).code, filename);
};
const embedded = require('./index.ts');
const { spawnGuarded } = require('./child-guard.ts');
`;

/** Another process that runs `body` with `embedded` and `spawnGuarded` in scope; `said` is the first line it prints. */
export async function runElsewhere(body: string): Promise<{ starter: ChildProcess & { pid: number }; said: string }> {
  const script = `${loader}\n(async () => {${body}\nsetInterval(() => undefined, 1000);})().catch((error) => { console.error(error); process.exit(1); });`;
  const cwd = join(__dirname, '../src');
  const starter = spawn(process.execPath, ['-e', script], { cwd, detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  const said = await new Promise<string>((resolve, reject) => {
    starter.once('exit', (code) => reject(new Error(`the other process ended with code ${code}`)));
    createInterface({ input: starter.stdout }).once('line', resolve);
  });
  return { starter: starter as ChildProcess & { pid: number }, said };
}

/** A zombie does not run: who collects it depends on the machine's process 1. */
export function isRunning(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.[0] !== 'Z';
  } catch {
    return false;
  }
}

/** Whether all have ended within two seconds. */
export async function haveEnded(pids: number[]): Promise<boolean> {
  for (let left = 100; left > 0 && pids.some(isRunning); left--) await sleep(20);
  return !pids.some(isRunning);
}

/** Runs `work` while a port of loopback is in use by somebody else. */
export async function withTakenPort<T>(work: (port: number) => Promise<T>): Promise<T> {
  const squatter = createServer().listen(0, '127.0.0.1');
  await once(squatter, 'listening');
  try {
    return await work((squatter.address() as AddressInfo).port);
  } finally {
    squatter.close();
  }
}

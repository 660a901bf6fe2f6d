import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnGuarded, type GuardedChild } from './child-guard';

/** Who logs in where. Everything here runs on this machine, in user space, by programs that nobody on our side wrote. */
export type Login = {
  portal: { host: string; port: number };
  iqn: string;
  /** Default 0. */
  lun?: number;
  /** The initiator's own name. */
  initiator: string;
  /**
   * Travels in the child's environment, for qemu-io in a private file, never in its arguments. `target`: what the target must prove to know;
   * qemu-io does not ask it.
   */
  chap?: { user: string; password: string; target?: { user: string; password: string } };
  timeoutMs?: number;
};

export type Inquiry = { vendor: string; product: string; revision: string; output: string };

/** The initiator's program ended with a failure; the message is its own text, such as "… Authorization failure(514)". */
export class InitiatorFailed extends Error {
  constructor(
    program: string,
    readonly output: string,
  ) {
    super(`${program}: ${output}`);
    this.name = 'InitiatorFailed';
  }
}

const defaultTimeoutMs = 15_000;
const forDays = String(2 ** 31 - 1); // milliseconds, the most that qemu-io's sleep takes

/** What the disk says about itself. @throws InitiatorFailed when the login or the LUN is refused */
export async function inquire(login: Login): Promise<Inquiry> {
  const output = await finished('iscsi-inq', ['-i', login.initiator, urlOf(login)], login);
  const field = (name: string): string => new RegExp(`^${name}:(.*)$`, 'm').exec(output)?.[1]?.trim() ?? '';
  return { vendor: field('Vendor'), product: field('Product'), revision: field('Revision'), output };
}

/** The names of the targets that a portal shows to an initiator. @throws InitiatorFailed */
export async function discover(who: Pick<Login, 'portal' | 'initiator' | 'timeoutMs'>): Promise<string[]> {
  const output = await finished('iscsi-ls', ['-i', who.initiator, `iscsi://${who.portal.host}:${who.portal.port}`], { ...who, iqn: '' });
  return [...output.matchAll(/^Target:(\S+)/gm)].map(([, iqn]) => iqn!);
}

/** The disk's size. @throws InitiatorFailed */
export async function readCapacity(login: Login): Promise<{ bytes: number; blockBytes: number }> {
  const output = await finished('iscsi-readcapacity16', ['-i', login.initiator, urlOf(login)], login);
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(output)?.[1]);
  const blockBytes = field('LOGICAL BLOCK LENGTH IN BYTES');
  return { blockBytes, bytes: (field('RETURNED LOGICAL BLOCK ADDRESS') + 1) * blockBytes };
}

/**
 * Runs commands of qemu-io on the disk, such as `write -P 0xab 0 8M`, and returns what they print.
 *
 * @throws InitiatorFailed also when a `read -P` finds other bytes
 */
export async function qemuIo(login: Login, commands: string[], { readOnly = false } = {}): Promise<string> {
  const secret = secretFile(login.chap);
  try {
    return await finished('qemu-io', qemuArguments(login, commands, readOnly, secret?.path), login);
  } finally {
    secret?.remove();
  }
}

/** Logs in and stays so until `release`, which drops the connection without a logout. */
export async function holdLogin(login: Login): Promise<{ release(): Promise<void> }> {
  // Line by line (a pipe is buffered otherwise): the read's report is how we know that the login is there.
  const secret = secretFile(login.chap);
  const args = ['-oL', 'qemu-io', ...qemuArguments(login, ['read 0 512', `sleep ${forDays}`], true, secret?.path)];
  const child = spawnGuarded('stdbuf', args, { stdio: ['pipe', 'pipe'] });
  const output = collect(child);
  const late = setTimeout(() => void child.kill(), login.timeoutMs ?? defaultTimeoutMs);
  const loggedIn = new Promise<void>((resolve) => {
    child.process.stdout?.on('data', () => output().includes('read 512/512') && resolve());
  });
  const failed = child.ended.then(() => {
    throw new InitiatorFailed('qemu-io', output() || 'no login in time');
  });
  try {
    await Promise.race([loggedIn, failed]);
  } finally {
    clearTimeout(late);
    secret?.remove();
    failed.catch(() => undefined);
  }
  return { release: async () => void (await child.kill()) };
}

function environmentOf(chap: Login['chap']): NodeJS.ProcessEnv {
  return {
    ...process.env,
    ...(chap && { LIBISCSI_CHAP_USERNAME: chap.user, LIBISCSI_CHAP_PASSWORD: chap.password }),
    ...(chap?.target && { LIBISCSI_CHAP_TARGET_USERNAME: chap.target.user, LIBISCSI_CHAP_TARGET_PASSWORD: chap.target.password }),
  };
}

/** QEMU's driver does not read the environment. */
function secretFile(chap: Login['chap']): { path: string; remove(): void } | undefined {
  if (!chap) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'spindle-initiator-'));
  const path = join(folder, 'secret');
  writeFileSync(path, chap.password, { mode: 0o600 });
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

function urlOf({ portal, iqn, lun = 0 }: Login): string {
  return `iscsi://${portal.host}:${portal.port}/${iqn}/${lun}`;
}

function qemuArguments({ portal, iqn, lun = 0, initiator, chap }: Login, commands: string[], readOnly: boolean, secret?: string): string[] {
  const file = {
    driver: 'iscsi',
    transport: 'tcp',
    portal: `${portal.host}:${portal.port}`,
    target: iqn,
    lun,
    'initiator-name': initiator,
    ...(chap && { user: chap.user, 'password-secret': 'chap' }),
  };
  const image = `json:${JSON.stringify({ driver: 'raw', file })}`;
  const object = secret ? ['--object', `secret,id=chap,file=${secret}`] : [];
  return [...object, ...(readOnly ? ['-r'] : []), ...commands.flatMap((command) => ['-c', command]), image];
}

async function finished(program: string, args: string[], { timeoutMs = defaultTimeoutMs, chap }: Login): Promise<string> {
  const child = spawnGuarded(program, args, { env: environmentOf(chap), stdio: ['pipe', 'pipe'] });
  const output = collect(child);
  const allRead = once(child.process, 'close');
  let timedOut = false;
  const late = setTimeout(() => {
    timedOut = true;
    void child.kill();
  }, timeoutMs);
  const { code } = await child.ended.finally(() => clearTimeout(late));
  await allRead;
  if (timedOut) throw new InitiatorFailed(program, `no answer within ${timeoutMs} ms. ${output()}`);
  if (code !== 0 || output().includes('Pattern verification failed')) throw new InitiatorFailed(program, output());
  return output();
}

function collect(child: GuardedChild): () => string {
  let text = '';
  for (const stream of [child.process.stdout, child.process.stderr]) stream?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return () => text.trim();
}

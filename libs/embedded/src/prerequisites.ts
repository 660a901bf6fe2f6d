import { execa } from 'execa';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { isRoot } from './unprivileged';

export type PrerequisiteGroup = 'nats' | 'storage-lab' | 'initiator';

/** A Debian package and a file by which it is known to be there, for systems that do not ask dpkg. */
export type Prerequisite = { name: string; purpose: string; group: PrerequisiteGroup; file: string };

const plugin = '/usr/lib/x86_64-linux-gnu';

export const prerequisites: readonly Prerequisite[] = [
  { group: 'nats', name: 'nats-server', file: 'nats-server', purpose: 'the message server' },
  {
    group: 'storage-lab',
    name: 'user-mode-linux',
    file: 'linux.uml',
    purpose: 'the kernel with the real iSCSI target, run as an ordinary process',
  },
  { group: 'storage-lab', name: 'targetcli-fb', file: 'targetcli', purpose: 'the tool that configures the target' },
  { group: 'storage-lab', name: 'dbus', file: 'dbus-daemon', purpose: 'the system bus, without which targetcli ends' },
  { group: 'storage-lab', name: 'kmod', file: 'modprobe', purpose: "loads the storage lab's kernel modules" },
  { group: 'storage-lab', name: 'iproute2', file: 'ip', purpose: "sets up the storage lab's network" },
  { group: 'storage-lab', name: 'e2fsprogs', file: 'mkfs.ext4', purpose: "makes the disk for the storage lab's own state" },
  { group: 'storage-lab', name: 'vdeplug', file: 'vde_plug', purpose: "the storage lab's network, without root" },
  {
    group: 'storage-lab',
    name: 'libvdeplug-slirp',
    file: `${plugin}/vdeplug/libvdeplug_slirp.so`,
    purpose: "the storage lab's way to the host's loopback",
  },
  { group: 'initiator', name: 'libiscsi-bin', file: 'iscsi-inq', purpose: 'an iSCSI initiator that checks what a machine would see' },
  { group: 'initiator', name: 'qemu-utils', file: 'qemu-io', purpose: 'reads and writes a disk as a machine would' },
  { group: 'initiator', name: 'qemu-block-extra', file: `${plugin}/qemu/block-iscsi.so`, purpose: 'iSCSI for qemu-io' },
];

export class PrerequisitesMissing extends Error {
  constructor(
    readonly missing: readonly Prerequisite[],
    reason = 'they are not installed',
  ) {
    const list = missing.map(({ name, purpose }) => `  ${name}: ${purpose}`).join('\n');
    super(`These Debian packages are needed (${reason}):\n${list}`);
    this.name = 'PrerequisitesMissing';
  }
}

/** The path of a program on PATH or in the system's own folders, which an ordinary user's PATH leaves out. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'];
  const paths = name.startsWith('/') ? [name] : folders.filter((folder) => folder !== '').map((folder) => join(folder, name));
  return paths.find((path) => existsSync(path));
}

export function missingPrerequisites(groups: readonly PrerequisiteGroup[]): Prerequisite[] {
  return prerequisites.filter(({ group, name, file }) => {
    const given = name === 'nats-server' ? process.env['NATS_SERVER_BIN'] : undefined;
    return groups.includes(group) && findProgram(given ?? file) === undefined;
  });
}

/**
 * Installs what is missing with apt-get, after saying what and why.
 *
 * @throws PrerequisitesMissing on a system that is not Debian-like or not amd64, without root and sudo, and when apt-get fails.
 */
export async function installPrerequisites(groups: readonly PrerequisiteGroup[], say: (line: string) => void): Promise<void> {
  const missing = missingPrerequisites(groups);
  if (missing.length === 0) return;
  await mustBeInstallable(missing);

  say(`Installing ${missing.length} Debian packages with apt-get:`);
  for (const { name, purpose } of missing) say(`  ${name}: ${purpose}`);
  await aptGet(['update'], missing, say);
  await aptGet(['install', '--no-install-recommends', '--yes', ...missing.map(({ name }) => name)], missing, say);

  const still = missingPrerequisites(groups);
  if (still.length > 0) throw new PrerequisitesMissing(still, 'apt-get ended well, but they cannot be found');
  say('All packages are installed.');
}

async function mustBeInstallable(missing: readonly Prerequisite[]): Promise<void> {
  const system = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const isDebianLike = /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(system) && findProgram('apt-get') !== undefined;
  if (!isDebianLike) throw new PrerequisitesMissing(missing, 'this system has no apt-get to install them with');
  // Debian builds user-mode-linux for x86 only; nats-server and the initiator exist for every architecture.
  const forLab = missing.filter(({ group }) => group === 'storage-lab');
  if (process.arch !== 'x64' && forLab.length > 0)
    throw new PrerequisitesMissing(forLab, `not to be had for ${process.arch}, only for amd64`);
  if (!isRoot() && findProgram('sudo') === undefined) throw new PrerequisitesMissing(missing, 'installing them needs root or sudo');
}

async function aptGet(args: string[], missing: readonly Prerequisite[], say: (line: string) => void): Promise<void> {
  const environment = ['DEBIAN_FRONTEND=noninteractive', 'LC_ALL=C.UTF-8'];
  const command = ['env', ...environment, 'apt-get', '--quiet=2', ...args];
  const [program = 'env', ...rest] = isRoot() ? command : ['sudo', ...command];
  say(`apt-get ${args[0] ?? ''} …`);
  // stdin is inherited: sudo may ask for a password.
  const { exitCode, all } = await execa(program, rest, { reject: false, all: true, stdin: 'inherit' });
  if (exitCode === 0) return;
  const end = all.trim().split('\n').slice(-5).join('\n');
  throw new PrerequisitesMissing(missing, `apt-get ${args[0] ?? ''} failed:\n${end}\n`);
}

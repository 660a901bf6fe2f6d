import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { hasWideRegisters } from './wide-registers';

export type PrerequisiteGroup = 'nats' | 'storage-lab' | 'initiator' | 'units';

/** A Debian package and a file by which it is known to be there, for systems that do not ask dpkg. */
export type Prerequisite = {
  name: string;
  purpose: string;
  group: PrerequisiteGroup;
  file: string;
  /** Services that the package would start on this machine, now and at each boot. */
  services?: string[];
  /** Whether this machine needs it; left out: every one does. */
  isNeeded?: () => boolean;
};

const plugin = '/usr/lib/x86_64-linux-gnu';

export const prerequisites: readonly Prerequisite[] = [
  { group: 'nats', name: 'nats-server', file: 'nats-server', purpose: 'the message server', services: ['nats-server.service'] },
  {
    group: 'storage-lab',
    name: 'user-mode-linux',
    file: 'linux.uml',
    purpose: 'the kernel with the real iSCSI target, run as an ordinary process',
  },
  {
    group: 'storage-lab',
    name: 'targetcli-fb',
    file: 'targetcli',
    purpose: 'the tool that configures the target',
    services: ['rtslib-fb-targetctl.service', 'targetclid.service', 'targetclid.socket'],
  },
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
  {
    group: 'storage-lab',
    name: 'tcc',
    file: 'tcc',
    purpose: "compiles the few lines that the storage lab's kernel needs on a CPU with AMX",
    isNeeded: hasWideRegisters,
  },
  { group: 'units', name: 'systemd', file: 'systemd-analyze', purpose: 'scores the systemd units; nothing of it is started' },
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
  return prerequisites.filter(({ group, name, file, isNeeded }) => {
    const given = name === 'nats-server' ? process.env['NATS_SERVER_BIN'] : undefined;
    return groups.includes(group) && findProgram(given ?? file) === undefined && (isNeeded?.() ?? true);
  });
}

import { accessSync, constants, readdirSync, readFileSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stateDisk } from './lab-folders';

/** Addresses in the lab's own networks; both ends are emulated in user space, so every lab can use the same ones. */
export const labAddresses = {
  /** The lab's portal and its way out. */
  portal: '10.0.2.15',
  /** The host's loopback services as the lab sees them, NATS for one. */
  host: '10.0.2.2',
  /** Where the lab's health port is forwarded to. */
  health: '10.0.3.15',
} as const;

export const portalPortInLab = 3260;
export const healthPortInLab = 3003;

export type KernelSettings = { dir: string; init: string; memMb: number; portalPort: number; healthPort: number };

/** Descriptor 1 is the console, 3 the control line, 4 the executor's log. Nothing here may be secret: everybody can read it in /proc. */
export function kernelLine({ dir, init, memMb, portalPort, healthPort }: KernelSettings): string[] {
  for (const path of [dir, init]) {
    if (/[\s,]/.test(path)) throw new Error(`The storage lab cannot work under ${path}: its kernel takes no spaces or commas in a path.`);
  }
  // Two networks, because the kernel cuts this option at a comma, which is what separates two forwards of one network.
  const forward = (port: number, address: string, inside: number): string => `tcpfwd=127.0.0.1:${port}:${address}:${inside}`;
  return [
    `mem=${memMb}M`,
    'rootfstype=hostfs',
    'rootflags=/',
    'ro',
    `init=${init}`,
    'con=null',
    'con0=null,fd:1',
    'ssl0=fd:3',
    'ssl1=null,fd:4',
    `eth0=vde,slirp:///v4/${forward(portalPort, labAddresses.portal, portalPortInLab)}`,
    `eth1=vde,slirp:///v4/addr=10.0.3.2/${forward(healthPort, labAddresses.health, healthPortInLab)}`,
    `ubd0=${stateDisk(dir)}`,
    `uml_dir=${join(dir, 'uml')}`,
    `lab_dir=${dir}`,
  ];
}

/**
 * A folder for the lab's memory, which is a file that the kernel maps executable: memory-backed if there is room, never `noexec`
 * (a container's /dev/shm is often small and noexec).
 */
export function memoryFolder(dir: string, memMb: number): string {
  const fits = [join(dir, 'tmp'), tmpdir(), '/var/tmp'].find((folder) => usable(folder, memMb));
  if (usable('/dev/shm', memMb * 2)) return '/dev/shm';
  if (fits === undefined) throw new Error(`The storage lab needs ${memMb} MB on a file system that is not mounted noexec; ${dir} is none.`);
  return fits;
}

function usable(folder: string, needMb: number): boolean {
  try {
    accessSync(folder, constants.W_OK);
    const { bavail, bsize } = statfsSync(folder);
    return (bavail * bsize) / 2 ** 20 >= needMb && !mountOptions(folder).includes('noexec');
  } catch {
    return false;
  }
}

function mountOptions(folder: string): string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').trim().split('\n');
  let best = { point: '', options: '' };
  for (const mount of mounts) {
    const [, point = '', , options = ''] = mount.split(' ');
    const covers = folder === point || folder.startsWith(point.endsWith('/') ? point : `${point}/`);
    if (covers && point.length >= best.point.length) best = { point, options };
  }
  return best.options.split(',');
}

/** The allowed CPU with the fewest labs on it. Unpinned, a lab is 5-8 times slower: its kernel and its processes hand over all the time. */
export function quietestCpu(): number {
  const load = new Map(allowedCpus('self').map((cpu) => [cpu, 0]));
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (!commandName(pid).startsWith('linux.uml')) continue;
    for (const cpu of allowedCpus(pid)) load.set(cpu, (load.get(cpu) ?? 0) + 1);
  }
  const [best] = [...load].sort(([cpuA, a], [cpuB, b]) => a - b || cpuB - cpuA);
  return best?.[0] ?? 0;
}

function commandName(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8');
  } catch {
    return ''; // it ended meanwhile
  }
}

function allowedCpus(pid: string): number[] {
  let status: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return [];
  }
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? '0';
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

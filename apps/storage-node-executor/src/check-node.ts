import { accessSync, constants, existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { release } from 'node:os';
import { dirname } from 'node:path';
import type { z } from 'zod';
import type { NodeCheck } from '#contracts';
import type { Settings } from './config';
import { CONFIGFS_TARGET } from './lio/configfs';
import { lockState } from './lio/lock-holder';

type Check = z.infer<typeof NodeCheck>;

const check = (name: string, ok: boolean, detail: string, fix: string): Check => ({ name, ok, detail, fix: ok ? null : fix });

const readText = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

/**
 * Version of a Python package, from its own file or from the name of its metadata (`rtslib_fb-2.1.75.egg-info`). Asking targetcli
 * would wait for its lock, even with --version.
 */
const pythonPackageVersion = (name: string): string | null => {
  const folders = ['/usr/lib/python3/dist-packages', '/usr/local/lib/python3/dist-packages'];
  for (const lib of ['/usr/lib', '/usr/lib64'])
    if (existsSync(lib))
      folders.push(...readdirSync(lib).flatMap((entry) => (/^python3\.\d+$/.test(entry) ? [`${lib}/${entry}/site-packages`] : [])));
  for (const folder of folders.filter((path) => existsSync(path))) {
    const own = /__version__ = '([0-9.]+)'/.exec(readText(`${folder}/${name}/version.py`))?.[1];
    if (own) return own;
    for (const entry of readdirSync(folder)) {
      const version = new RegExp(`^${name}(?:[_-]fb)?-([0-9.]+)\\.(?:egg|dist)-info`).exec(entry)?.[1];
      if (version) return version;
    }
  }
  return null;
};

export const nodeVersions = (executor: string): Record<string, string> => ({
  executor,
  kernel: release(),
  targetcli: pythonPackageVersion('targetcli') ?? 'unknown',
  rtslib: pythonPackageVersion('rtslib') ?? 'unknown',
});

const mounts = (): { path: string; options: string[] }[] =>
  readText('/proc/self/mounts')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' '))
    .map(([, path, , options]) => ({ path: path!.replaceAll('\\040', ' '), options: options!.split(',') }));

const covers = (mountPoint: string, path: string): boolean =>
  path === mountPoint || path.startsWith(mountPoint.endsWith('/') ? mountPoint : `${mountPoint}/`);

/** A later line hides an earlier one of the same path. */
const mountOf = (path: string) =>
  mounts()
    .filter((mount) => covers(mount.path, path))
    .reduce((best, mount) => (mount.path.length >= best.path.length ? mount : best), { path: '/', options: [] as string[] });

/** Mount points of /etc/fstab that should hold the path and are not mounted: its files are hidden then, and new ones go elsewhere. */
const missingMounts = (path: string): string[] => {
  const mounted = new Set(mounts().map((mount) => mount.path));
  return readText('/etc/fstab')
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .map((line) => line.split(/\s+/)[1] ?? '')
    .filter((point) => point.startsWith('/') && point !== '/' && covers(point, path) && !mounted.has(point));
};

/** Whether the images' own file system is there: another one than that of /, and none of fstab missing in between. */
export const imageRootIsMounted = (root: string): boolean => mountOf(root).path !== '/' && missingMounts(root).length === 0;

const writable = (path: string): boolean => {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
};

const imageRootChecks = ({ IMAGE_ROOT: root, IMAGE_ROOT_IS_MOUNT: mustBeMount }: Settings): Check[] => {
  const stat = statSync(root, { throwIfNoEntry: false });
  if (!stat?.isDirectory()) return [check('image-root', false, `${root} is not a folder`, `Create ${root}, or set IMAGE_ROOT.`)];
  const mount = mountOf(root);
  const missing = missingMounts(root);
  const mounted = mustBeMount ? imageRootIsMounted(root) : missing.length === 0;
  return [
    check('image-root', true, root, ''),
    check(
      'image-root-mounted',
      mounted,
      mounted ? `on the file system at ${mount.path}` : `not mounted: ${missing[0] ?? root}`,
      'Mount it, and let this service start after it (RequiresMountsFor=).',
    ),
    check(
      'image-root-writable',
      !mount.options.includes('ro') && writable(root),
      mount.options.includes('ro') ? 'on a read-only file system' : 'writable',
      'The kernel opens every image for writing, read-only exports as well: mount it read-write.',
    ),
    check(
      'image-root-private',
      (stat.mode & 0o002) === 0,
      `mode ${(stat.mode & 0o777).toString(8)}`,
      `Anybody can replace an image: chmod o-w ${root}.`,
    ),
  ];
};

const savedConfigChecks = (file: string): Check[] => {
  const folder = dirname(file);
  const open = (path: string) => ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o077) !== 0;
  if (!existsSync(folder)) return [check('saved-config', false, `${folder} is missing`, `Create ${folder}, or set SAVED_CONFIG_FILE.`)];
  const exposed = [folder, file].filter(open);
  return [
    check(
      'saved-config',
      exposed.length === 0,
      exposed.length === 0 ? folder : `others may read ${exposed.join(', ')}`,
      `It holds CHAP secrets: chmod go= ${exposed.join(' ')}.`,
    ),
  ];
};

const targetcliChecks = ({ TARGETCLI_PATH: path }: Settings): Check[] => {
  let runs = true;
  try {
    accessSync(path, constants.X_OK);
  } catch {
    runs = false;
  }
  const { targetcli, rtslib } = nodeVersions('');
  return [
    check(
      'targetcli',
      runs,
      runs ? `${path}, targetcli ${targetcli}, rtslib ${rtslib}` : `${path} cannot be run`,
      'Install targetcli-fb, or set TARGETCLI_PATH.',
    ),
  ];
};

/**
 * What a storage node needs, each with what to do when it lacks.
 * @param ownPids processes that run for us, whose hold of the lock is no fault.
 */
export const checkNode = (settings: Settings, ownPids: ReadonlySet<number> = new Set()): Check[] => {
  const { holder } = lockState(ownPids);
  const configfs = existsSync(CONFIGFS_TARGET);
  const missing = ['target_core_mod', 'iscsi_target_mod', 'target_core_file'].filter((module) => !existsSync(`/sys/module/${module}`));
  return [
    check('root', process.getuid?.() === 0, `uid ${process.getuid?.() ?? 'unknown'}`, 'Run as root: configfs and targetcli ask for it.'),
    check(
      'configfs',
      configfs,
      configfs ? CONFIGFS_TARGET : 'not mounted, or without target_core_mod',
      'mount -t configfs configfs /sys/kernel/config',
    ),
    check(
      'modules',
      missing.length === 0,
      missing.length === 0 ? `kernel ${release()}` : `not loaded: ${missing.join(', ')}`,
      `modprobe -a ${missing.join(' ')}`,
    ),
    check('dbus', existsSync('/run/dbus/system_bus_socket'), 'system bus', 'Start dbus: targetcli 2.1.53 and later ends without it.'),
    check('lock', holder === null, holder ? `held by pid ${holder.pid} (${holder.program})` : 'free', 'Leave the open targetcli shell.'),
    ...targetcliChecks(settings),
    ...savedConfigChecks(settings.SAVED_CONFIG_FILE),
    ...imageRootChecks(settings),
  ];
};

import { execa } from 'execa';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { findProgram, missingPrerequisites, PrerequisitesMissing, type Prerequisite, type PrerequisiteGroup } from './prerequisites';
import { isRoot } from './unprivileged';

/**
 * Installs what is missing with apt-get, after saying what and why. No service of a package is started: an open message server, or a
 * change to this machine's own iSCSI target, is not what was asked for.
 *
 * @throws PrerequisitesMissing on a system that is not Debian-like or not amd64, without root and sudo, and when apt-get fails.
 */
export async function installPrerequisites(groups: readonly PrerequisiteGroup[], say: (line: string) => void): Promise<void> {
  const missing = missingPrerequisites(groups);
  if (missing.length === 0) return;
  await mustBeInstallable(missing);

  say(`Installing ${missing.length} Debian packages with apt-get:`);
  for (const { name, purpose } of missing) say(`  ${name}: ${purpose}`);
  await keepServicesOff(missing, say);
  say('Reading the package lists …');
  // It may fail where there is no network while the packages are at hand; then the next step says whether they are.
  await run(['apt-get', '--quiet=2', 'update']);
  const packages = missing.map(({ name }) => name);
  const { exitCode, output } = await run(['apt-get', '--quiet=2', 'install', '--no-install-recommends', '--yes', ...packages], (line) => {
    if (line.startsWith('Setting up ')) say(`  ${line.replace(/ \.\.\.$/, '')}`);
  });

  const still = missingPrerequisites(groups);
  if (still.length > 0) {
    const end = output.trim().split('\n').slice(-5).join('\n');
    throw new PrerequisitesMissing(still, `apt-get ended with code ${exitCode}:\n${end}\n`);
  }
  say('All packages are installed.');
}

async function mustBeInstallable(missing: readonly Prerequisite[]): Promise<void> {
  const system = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const isDebianLike = /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(system) && findProgram('apt-get') !== undefined;
  if (!isDebianLike) throw new PrerequisitesMissing(missing, 'this system has no apt-get to install them with');
  // Debian builds user-mode-linux for x86 only; the others exist for every architecture.
  const forLab = missing.filter(({ group }) => group === 'storage-lab');
  if (process.arch !== 'x64' && forLab.length > 0)
    throw new PrerequisitesMissing(forLab, `not to be had for ${process.arch}, only for amd64`);
  if (!isRoot() && findProgram('sudo') === undefined) throw new PrerequisitesMissing(missing, 'installing them needs root or sudo');
}

/** Only services that are not here yet: one that is may be in use. */
async function keepServicesOff(missing: readonly Prerequisite[], say: (line: string) => void): Promise<void> {
  if (!existsSync('/run/systemd/system')) return;
  const isHere = (service: string): boolean =>
    ['/etc', '/lib', '/usr/lib'].some((folder) => existsSync(`${folder}/systemd/system/${service}`));
  const services = missing.flatMap(({ services = [] }) => services).filter((service) => !isHere(service));
  if (services.length === 0) return;
  say(`  their own services are kept off (systemctl unmask brings them back): ${services.join(', ')}`);
  const { exitCode, output } = await run(['systemctl', 'mask', ...services]);
  if (exitCode !== 0) throw new PrerequisitesMissing(missing, `their services could not be kept off: ${output.trim()}`);
}

async function run(command: string[], onLine: (line: string) => void = () => undefined): Promise<{ exitCode: number; output: string }> {
  // RUNLEVEL=1 keeps services off where there is no systemd: invoke-rc.d starts nothing in single-user mode.
  const whole = ['env', 'DEBIAN_FRONTEND=noninteractive', 'LC_ALL=C.UTF-8', 'RUNLEVEL=1', ...command];
  const [program = 'env', ...args] = isRoot() ? whole : ['sudo', ...whole];
  const child = execa(program, args, { reject: false, all: true, stdin: 'inherit' }); // sudo may ask for a password
  for await (const line of child.iterable({ from: 'all' })) onLine(line);
  const { exitCode = 1, all } = await child;
  return { exitCode, output: all };
}

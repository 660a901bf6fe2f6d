import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Whether this CPU's registers are more than User Mode Linux 6.1 can set in its processes: with AMX it dies at the first one. The names
 * stand in the `flags` line of /proc/cpuinfo.
 */
export const hasWideRegisters = (cpuinfo = readFileSync('/proc/cpuinfo', 'utf8')): boolean => /^flags\s*:.*\bamx_tile\b/m.test(cpuinfo);

/**
 * Compiles lab/wide-registers.c, which says what it does, for preloading into the lab's kernel: 10 ms, at each start.
 *
 * @returns what LD_PRELOAD must be, or undefined where the kernel needs no help.
 */
export function wideRegistersLibrary(dir: string, projectRoot: string): string | undefined {
  if (!hasWideRegisters()) return undefined;
  const source = join(projectRoot, 'libs/embedded/lab/wide-registers.c');
  const library = join(dir, 'tmp', 'wide-registers.so');
  const { status, stderr, error } = spawnSync('tcc', ['-shared', '-nostdlib', '-o', library, source], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${source} could not be compiled: ${error?.message ?? stderr.trim()}`);
  chmodSync(library, 0o755); // the lab may run as somebody else
  return library;
}

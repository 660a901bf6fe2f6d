import { execa } from 'execa';
import { findProgram, PrerequisitesMissing, missingPrerequisites } from './prerequisites';

/**
 * What systemd makes of a unit's walls, from 0 (locked up) to 10 (as open as a shell): read from the file, nothing is installed or run.
 *
 * @throws PrerequisitesMissing; Error with systemd's own words for a unit that it cannot read
 */
export async function unitScore(path: string): Promise<number> {
  const program = findProgram('systemd-analyze');
  if (program === undefined) throw new PrerequisitesMissing(missingPrerequisites(['units']));
  const { stdout, stderr } = await execa(program, ['security', '--offline=true', '--no-pager', path], {
    reject: false,
    env: { LC_ALL: 'C' },
  });
  const score = /Overall exposure level for \S+: (\d+\.\d)/.exec(stdout)?.[1];
  if (score === undefined) throw new Error(`systemd-analyze says nothing of ${path}: ${stderr.trim()}`);
  return Number(score);
}

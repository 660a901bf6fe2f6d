import { cpus } from 'node:os';
import type { Differences } from './reboot-facts';

export interface Reboot extends Differences {
  targets: number;
  commit: string;
  createSeconds: number;
  /** From the power cut, after which the kernel starts at once, until the executor says that it is ready. */
  readySeconds: number;
  /** Targets that answered initiators at that moment. */
  enabled: number;
  /** Until every target is back: from the same moment, and from the executor's being ready. */
  backSeconds: number | null;
  restoreSeconds: number | null;
  /** Until the distribution's configuration is saved again, from the same moment. */
  savedSeconds: number | null;
  /** Targets that Spindle says are ACTIVE and as wished. */
  active: number;
  /** What an initiator saw that it should not. */
  outside: string[];
}

/** All is as before. */
export const isWhole = (result: Reboot): boolean =>
  result.backSeconds !== null &&
  result.enabled === result.targets &&
  result.active === result.targets &&
  [result.missing, result.extra, result.serials, result.values, result.outside].every(({ length }) => length === 0);

const all = (wrong: string[], count: number): string => (wrong.length === 0 ? `all ${count}` : `${count - wrong.length} of ${count}`);

/** What came of it, in words. */
export const tell = (result: Reboot): string => {
  const { targets, missing, serials, extra, values, outside } = result;
  const wrong = [...missing.map((iqn) => `missing: ${iqn}`), ...extra.map((iqn) => `new: ${iqn}`), ...values, ...outside];
  return [
    `${targets} targets, power cut: back ${all(missing, targets)} (${result.enabled} when the executor said so), same IQN ${all([...missing, ...extra], targets)}, same unit serial ${all(serials, targets)},`,
    `${values.length} values of configfs other than before, ${result.active} ACTIVE without drift, from outside ${outside.length === 0 ? 'as before' : 'NOT as before'}`,
    `executor ready after ${result.readySeconds} s, all targets back after ${result.backSeconds ?? '-'} s (${result.restoreSeconds ?? '-'} s later), saved after ${result.savedSeconds ?? '-'} s`,
    ...wrong.slice(0, 20).map((line) => `    ${line}`),
  ].join('\n');
};

/** For docs/chaos-report.md. */
export const rebootSection = (results: Reboot[]): string => {
  if (results.length === 0) return '';
  const rows = results.map(
    (result) =>
      `| ${result.targets} | ${all(result.missing, result.targets)} | ${all([...result.missing, ...result.extra], result.targets)} | ` +
      `${all(result.serials, result.targets)} | ${result.values.length} | ${result.readySeconds} | ${result.restoreSeconds ?? '-'} | ${result.backSeconds ?? '-'} | ${result.savedSeconds ?? '-'} |`,
  );
  return `## A node loses its power

\`npm run chaos -- --reboot N\`: N targets, each on a disk of its own, then SIGKILL to the whole storage lab and a new start on the
same disk. Everything that configfs shows of each target is compared with before, three of them are read from outside, and strangers
are turned away. Commit ${results[0]!.commit}, ${cpus().length} CPUs.

| targets | back | same IQN | same unit serial | other values | executor ready s | and all back s | from the power cut s | saved s |
| --: | --: | --: | --: | --: | --: | --: | --: | --: |
${rows.join('\n')}
`;
};

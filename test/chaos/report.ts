import { cpus, totalmem } from 'node:os';
import type { Result } from './run';

export const quantile = (values: number[], share: number): number | null => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? null;
};

const seconds = (ms: number | null): string => (ms === null ? '-' : (ms / 1_000).toFixed(1));
const numbers = (values: (number | null)[]): number[] => values.filter((value) => value !== null);
const count = (results: Result[], ...kinds: string[]): number =>
  results.flatMap(({ violations }) => violations).filter(({ kind }) => kinds.length === 0 || kinds.includes(kind)).length;

const HEADINGS = ['fault', 'runs', 'struck', 'lost', 'doubled', 'orphaned', 'open', 'other', 'recovery p50 s', 'p99 s', 'last answer s'];

const row = (name: string, results: Result[]): (string | number)[] => {
  const recovery = numbers(results.map(({ recoveryMs, struck }) => (struck ? recoveryMs : null)));
  const named = ['lost', 'doubled', 'orphaned', 'open'];
  return [
    name,
    results.length,
    results.filter(({ struck }) => struck).length,
    ...named.map((kind) => count(results, kind)),
    count(results) - count(results, ...named),
    seconds(quantile(recovery, 0.5)),
    seconds(quantile(recovery, 0.99)),
    seconds(quantile(numbers(results.map(({ answerMs }) => answerMs)), 1)),
  ];
};

/** One line a fault, and their sum. */
export const table = (results: Result[]): string => {
  const names = [...new Set(results.map(({ fault }) => fault))];
  const rows = [
    ...names.map((name) =>
      row(
        name,
        results.filter(({ fault }) => fault === name),
      ),
    ),
    row('all', results),
  ];
  const line = (cells: (string | number)[]) => `| ${cells.join(' | ')} |`;
  return [line(HEADINGS), line(HEADINGS.map((_, at) => (at === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n');
};

const commitsOf = (results: Result[]): string =>
  [...new Set(results.map(({ commit }) => commit))]
    .map((commit) => `${commit} (${results.filter((result) => result.commit === commit).length})`)
    .join(', ');

/** The table shows the last run of a fault and seed only: what earlier ones found stands here. */
const madeAgain = (results: Result[]): string => {
  const lines = results.flatMap(({ fault, seed, earlier }) =>
    earlier.map(({ commit, struck, violations }) => {
      const found = violations.map(({ kind, what }) => `${kind}: ${what}`).join('; ');
      return `- \`${fault}\`, seed ${seed}, on ${commit}: ${[struck ? '' : 'not struck', found].filter(Boolean).join('; ') || 'nothing was found'}`;
    }),
  );
  return lines.length === 0 ? 'None.' : lines.join('\n');
};

/** @param sections what else was found, each with its heading; empty ones are left out */
export const report = (results: Result[], commit: string, sections: string[]): string => {
  const seeds = [...new Set(results.map(({ seed }) => seed))].sort((a, b) => a - b);
  const violations = results.flatMap(({ fault, seed, violations: found }) =>
    found.map(({ kind, what }) => `- \`${fault}\`, seed ${seed}: ${kind}: ${what}`),
  );
  return `# What the fault harness found

Written by \`npm run chaos -- --report\` on commit ${commit}; docs/chaos.md says how it works. Runs on ${commitsOf(results)}; seeds ${seeds.join(', ')}, ${cpus().length} CPUs
(${cpus()[0]?.model ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GB, the real kernel target in the storage lab on the same machine.

**${results.length} runs, ${results.reduce((sum, { commands }) => sum + commands, 0)} commands: ${count(results, 'lost')} lost, ${count(results, 'doubled')} doubled, ${count(results, 'orphaned')} orphaned, ${count(results, 'open')} open, ${count(results) - count(results, 'lost', 'doubled', 'orphaned', 'open')} other.**

- *struck*: the process was killed at that point. Where it was not, the traffic did not come by.
- *recovery*: from the restarted part saying that it is ready until all that was under way is done in the kernel, published and audited.
- *last answer*: the longest that a client, which repeats its request under the same Idempotency-Key, waited from that moment.
- *other*: answers, events, audit records or times that are not as promised.

${table(results)}

## Violations

${violations.length === 0 ? 'None.' : violations.join('\n')}

## Runs that were made again

${madeAgain(results)}

${sections.filter((text) => text !== '').join('\n')}`;
};

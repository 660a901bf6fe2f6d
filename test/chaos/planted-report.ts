/** What `npm run chaos -- --planted-bugs` writes. */
export interface PlantedResults {
  commit: string;
  /** Bugs in planted-bugs.json. */
  listed: number;
  bugs: PlantedBug[];
}

export interface PlantedBug {
  name: string;
  /** The check that was run, in words. */
  check: string;
  verdict: 'caught' | 'missed' | 'hung' | 'broke' | 'no check' | 'not planted';
  /** What failed, in a line. */
  reason: string;
  seconds: number;
}

const cell = (text: string): string => text.replaceAll('|', '\\|');

const row = ({ name, check, verdict, reason }: PlantedBug): string => {
  const said = verdict === 'caught' ? verdict : [`**${verdict}**`, reason].filter(Boolean).join(': ');
  return `| \`${name}\` | ${cell(check)} | ${cell(said)} |`;
};

/** A section of docs/chaos-report.md. */
export const plantedReport = ({ commit, listed, bugs }: PlantedResults): string => {
  const caught = bugs.filter(({ verdict }) => verdict === 'caught').length;
  return `## Planted bugs

**${caught} caught / ${bugs.length} planted**, of ${listed} that are listed in test/chaos/planted-bugs.json, on commit ${commit}. Each was planted alone, in
a copy, and its check was run without it and with it. *Caught*: it fails with the bug, saying what the bug does,
and passes without.

| bug | check | verdict |
| --- | --- | --- |
${bugs.map(row).join('\n')}
`;
};

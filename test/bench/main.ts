import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectRoot } from '#embedded';
import { boundsTable, controlBounds, holds, nodeBounds, stormBounds } from './bounds';
import { measureControlPlane } from './control-plane';
import { NODE_PROFILES, nodeSection } from './node-section';
import { performancePage, SECTIONS, type Measured, type Profile, type Section } from './performance-page';
import { costPlot } from './cost-plot';
import { asTable } from './row';
import { nodeAlone, stormSection } from './storm-section';

const USAGE = `npm run bench -- [${SECTIONS.join(' | ')}] [options]
  --profile short   what .ci/run does, some minutes; default: full
  --json            print the figures as JSON
  --report          write docs/performance.md and docs/performance.svg from the last full run of each section
Exits with 1 when a ratio passes its bound.`;

const figures = async (section: Section, profile: Profile, say: (line: string) => void): Promise<Pick<Measured, 'rows' | 'bounds'>> => {
  const node = NODE_PROFILES[profile];
  switch (section) {
    case 'node': {
      const rows = await nodeSection(node, say);
      return { rows, bounds: nodeBounds(rows, profile, node) };
    }
    case 'storm': {
      const rows = [
        await nodeAlone(node.storm, say),
        ...(await stormSection('configfs', node.storm, 'a disk each', say)),
        ...(await stormSection('configfs', node.storm, 'one disk', say)),
        ...(await stormSection('targetcli', node.burst, 'a disk each', say)),
      ];
      return { rows, bounds: stormBounds(rows, profile, node) };
    }
    case 'control': {
      const rows = await measureControlPlane(profile === 'full', say);
      return { rows, bounds: controlBounds(rows, profile) };
    }
  }
};

/** @returns the exit code: 1 when a ratio passes its bound, 2 for a word it does not know */
export const main = async (argv: string[], commit: string): Promise<number> => {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      profile: { type: 'string', default: 'full' },
      json: { type: 'boolean', default: false },
      report: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const { profile } = values;
  const chosen = positionals.length === 0 ? SECTIONS : SECTIONS.filter((section) => positionals.includes(section));
  if (values.help || (profile !== 'short' && profile !== 'full') || chosen.length < new Set(positionals).size) {
    process.stdout.write(`${USAGE}\n`);
    return values.help ? 0 : 2;
  }
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const machine = `${availableParallelism()} CPUs, ${Math.round(totalmem() / 2 ** 30)} GB`;
  const run: Measured[] = [];
  for (const section of chosen) {
    const measured = { section, commit, machine, ...(await figures(section, profile, say)) };
    keep(profile, measured);
    run.push(measured);
    say(`${section}\n${asTable(measured.rows)}\n${boundsTable(measured.bounds)}`);
  }
  const bounds = run.flatMap((measured) => measured.bounds);
  if (values.json) process.stdout.write(`${JSON.stringify({ profile, sections: run }, null, 2)}\n`);
  if (values.report) report();
  say(`${bounds.filter(holds).length} of ${bounds.length} ratios are within their bounds`);
  return bounds.every(holds) ? 0 : 1;
};

const keptIn = (profile: Profile): string => join(projectRoot(), '.spindle/bench', profile);

const keep = (profile: Profile, measured: Measured): void => {
  mkdirSync(keptIn(profile), { recursive: true });
  writeFileSync(join(keptIn(profile), `${measured.section}.json`), JSON.stringify(measured, null, 2));
};

/** @throws Error when a section was never measured here: the page has all or is not written. */
const report = (): void => {
  const sections = SECTIONS.map((section) => JSON.parse(readFileSync(join(keptIn('full'), `${section}.json`), 'utf8')) as Measured);
  const docs = join(projectRoot(), 'docs');
  writeFileSync(join(docs, 'performance.md'), performancePage(sections));
  writeFileSync(join(docs, 'performance.svg'), costPlot(sections.find(({ section }) => section === 'node')!.rows));
};

import { writeFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectRoot } from '#embedded';
import { boundsTable, controlBounds, holds, nodeBounds, stormBounds } from './bounds';
import { measureControlPlane } from './control-plane';
import { NODE_PROFILES, nodeSection } from './node-section';
import { performancePage, type Measured, type Run } from './performance-page';
import { costPlot } from './cost-plot';
import { asTable } from './row';
import { stormSection } from './storm-section';

const SECTIONS = ['node', 'storm', 'control'] as const;
type Section = (typeof SECTIONS)[number];

const USAGE = `npm run bench -- [${SECTIONS.join(' | ')}] [options]
  --profile short   what .ci/run does, some minutes; default: full
  --json            print the figures as JSON
  --report          write docs/performance.md's tables and docs/performance.svg from this run
Exits with 1 when a ratio passes its bound.`;

const measure = async (section: Section, { profile, sections }: Run, say: (line: string) => void): Promise<Measured> => {
  const node = NODE_PROFILES[profile];
  switch (section) {
    case 'node': {
      const rows = await nodeSection(node, say);
      return { rows, bounds: nodeBounds(rows, profile, node) };
    }
    case 'storm': {
      const rows = [...(await stormSection('configfs', node.storm, say)), ...(await stormSection('targetcli', node.burst, say))];
      return { rows, bounds: stormBounds(rows, sections.node?.rows, profile, node) };
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
  const run: Run = { commit, profile, machine: `${availableParallelism()} CPUs, ${Math.round(totalmem() / 2 ** 30)} GB`, sections: {} };
  for (const section of chosen) {
    run.sections[section] = await measure(section, run, say);
    say(`${section}\n${asTable(run.sections[section].rows)}\n${boundsTable(run.sections[section].bounds)}`);
  }
  const bounds = chosen.flatMap((section) => run.sections[section]!.bounds);
  if (values.json) process.stdout.write(`${JSON.stringify(run, null, 2)}\n`);
  if (values.report) keep(run);
  say(`${bounds.filter(holds).length} of ${bounds.length} ratios are within their bounds`);
  return bounds.every(holds) ? 0 : 1;
};

const keep = (run: Run): void => {
  const docs = join(projectRoot(), 'docs');
  writeFileSync(join(docs, 'performance.md'), performancePage(run));
  if (run.sections.node) writeFileSync(join(docs, 'performance.svg'), costPlot(run.sections.node.rows));
};

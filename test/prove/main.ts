import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectRoot } from '#embedded';
import type { Kept, Profile, Proof } from './proof';
import { proofReport } from './proof-report';
import { PROOFS } from './proofs';

const USAGE = `npm run prove -- ${PROOFS.map(({ name }) => name).join(' | ')} | all [options]
  --short           the profile that is part of npm test; default: the long one
  --report          write docs/proof-report.md from the last run of each
Results are kept in .spindle/prove.`;

const folder = join(projectRoot(), '.spindle/prove');
const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** @returns the exit code: 1 when something does not hold, 2 for a word it does not know */
export const main = async (argv: string[], commit: string): Promise<number> => {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      short: { type: 'boolean', default: false },
      report: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const chosen = positionals.includes('all') ? PROOFS : PROOFS.filter(({ name }) => positionals.includes(name));
  const unknown = positionals.filter((word) => word !== 'all' && !PROOFS.some(({ name }) => name === word));
  if (values.help || unknown.length > 0 || (chosen.length === 0 && !values.report)) {
    say(USAGE);
    return values.help ? 0 : 2;
  }
  mkdirSync(folder, { recursive: true });
  let allHold = true;
  for (const proof of chosen) allHold = (await prove(proof, values.short ? 'short' : 'long', commit)) && allHold;
  if (values.report) writeFileSync(join(projectRoot(), 'docs/proof-report.md'), proofReport(PROOFS, keptFindings()));
  return allHold ? 0 : 1;
};

const prove = async ({ name, title, run }: Proof, profile: Profile, commit: string): Promise<boolean> => {
  say(`\n${title} (${profile} profile)`);
  const began = Date.now();
  const finding = await run(profile, say);
  const kept: Kept = { name, profile, commit, seconds: Math.round((Date.now() - began) / 1_000), ...finding };
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(kept, null, 2)}\n`);
  say(`${finding.details}\n${finding.holds ? 'HOLDS' : 'DOES NOT HOLD'}: ${finding.summary} (${kept.seconds} s)`);
  return finding.holds;
};

const keptFindings = (): Kept[] =>
  (existsSync(folder) ? readdirSync(folder) : [])
    .filter((file) => file.endsWith('.json'))
    .map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Kept);

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { installPrerequisites, projectRoot, unitScore } from '#embedded';
import type { Finding, Proof } from './proof';

/** Only this one is root: the kernel target is configured by root and nobody else. */
const ROOT_UNIT = 'spindle-node-root.service';
const LIMITS: Record<string, number> = { [ROOT_UNIT]: 2.5 };
const LIMIT = 1.6;
/** What runs as root beside our own code, and what these bring: no web server, no broker, no database. */
const ROOT_PACKAGES = ['execa', 'pino', 'prom-client', 'uuid', 'zod'];
const folder = join(projectRoot(), 'deploy/systemd');

interface Score {
  unit: string;
  score: number;
  limit: number;
  /** What the unit names and the project does not make. */
  missing: string[];
  /** Worse without any of its walls: the score is of this file. */
  bare: number;
}

export const proveUnits: Proof = {
  name: 'units',
  title: 'Services run behind walls',
  run: async (_profile, say): Promise<Finding> => {
    await installPrerequisites(['units'], say);
    const units = readdirSync(folder).filter((name) => name.endsWith('.service'));
    const scores: Score[] = [];
    for (const unit of units) scores.push(await lookAt(unit));
    const packages = rootPackages();
    const unexpected = packages.filter((name) => !ROOT_PACKAGES.includes(name));
    const holds =
      unexpected.length === 0 && scores.every(({ score, limit, missing, bare }) => score <= limit && missing.length === 0 && bare > limit);
    const row = ({ unit, score, limit, bare, missing }: Score) =>
      `| ${unit} | ${score} | ${limit} | ${bare} | ${missing.join(', ') || 'nothing'} |`;
    return {
      holds,
      summary: [
        ...scores.map(({ unit, score, limit }) => `${unit} ${score} (at most ${limit})`),
        `packages that the root part loads: ${packages.join(' ')}${unexpected.length > 0 ? `, NOT EXPECTED: ${unexpected.join(' ')}` : ''}`,
      ].join(', '),
      details: ['| unit | score | at most | without its walls | missing |', '| --- | --: | --: | --: | --- |', ...scores.map(row)].join(
        '\n',
      ),
    };
  },
};

const lookAt = async (unit: string): Promise<Score> => {
  const path = join(folder, unit);
  const text = readFileSync(path, 'utf8');
  return { unit, score: await unitScore(path), limit: LIMITS[unit] ?? LIMIT, missing: missingIn(text), bare: await bareScore(unit, text) };
};

const LIST = `
require(process.argv[1]);
const ours = Object.values(require.cache).filter(({ filename }) => !filename.includes('/node_modules/'));
const theirs = ours.flatMap(({ children }) => children.flatMap(({ filename }) => /\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(filename)?.[1] ?? []));
console.log(JSON.stringify([...new Set(theirs)].sort()));
process.exit(0);`;

/** Those that our own files ask for, found by loading all that the root part does. */
const rootPackages = (): string[] => {
  const start = join(projectRoot(), 'dist/apps/storage-node-executor/src/start-root.js');
  return JSON.parse(execFileSync(process.execPath, ['-e', LIST, start], { encoding: 'utf8' })) as string[];
};

/** A path below the installation that no build makes, or a secret that deploy/make-secrets.sh does not. */
const missingIn = (text: string): string[] => {
  const programs = [...text.matchAll(/\/opt\/spindle\/(\S+)/g)].map(([, path]) => path!);
  const secrets = [...text.matchAll(/^LoadCredential=\S+?:\/etc\/spindle\/(\S+)$/gm)].map(([, path]) => path!);
  const made = readFileSync(join(projectRoot(), 'deploy/make-secrets.sh'), 'utf8');
  return [
    ...programs.filter((path) => !existsSync(join(projectRoot(), path))),
    ...secrets.filter((path) => !made.includes(basename(path)) && !path.startsWith('bus/')),
  ];
};

const bareScore = async (unit: string, text: string): Promise<number> => {
  const dir = mkdtempSync(join(tmpdir(), 'spindle-units-'));
  try {
    const [exec] = /^ExecStart=.*$/m.exec(text)!;
    writeFileSync(join(dir, unit), `[Service]\n${exec}\n`);
    return await unitScore(join(dir, unit));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
};

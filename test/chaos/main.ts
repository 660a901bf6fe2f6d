import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectRoot } from '#embedded';
import { startSpindleForTests, type SpindleForTests } from '../harness/spindle-for-tests';
import { FAULTS } from './faults';
import type { Place } from './traffic';
import { plantedReport, type PlantedResults } from './planted-report';
import { readReboots, rebootNode } from './reboot-node';
import { rebootSection } from './reboot-report';
import { report, table } from './report';
import { makePlaces, runOnce, type Earlier, type Outcome, type Result } from './run';
import type { Fault } from './strike';

const USAGE = `npm run chaos -- [options]
  --points a,b      faults to run, by name or by what their names begin with; default: all
  --seeds N         runs of each, with the seeds 1 to N; default 1
  --seed N          this seed only: replays a run
  --engine NAME     LIO_ENGINE of the storage node: targetcli, or configfs, whose results have a folder of their own
  --jobs N          as many Spindles side by side; default 1
  --resume          skip the runs whose result is there
  --report          write docs/chaos-report.md from all results
  --list            name the faults
  --reboot N        cut the power of a node with N targets instead: what comes back, and when
  --planted-bugs    plant known bugs, one at a time, and see that each is caught; [names] for some of them, --resume for those not
                    tried on this commit; results in .spindle/chaos/planted-bugs.json`;

const root = projectRoot();
const folderOf = (engine: string): string => join(root, '.spindle/chaos', engine === 'targetcli' ? 'results' : `results-${engine}`);
/** Logs of runs with violations. */
const failed = join(root, '.spindle/chaos/failed');
const reboots = join(root, '.spindle/chaos/reboots');
const planted = join(root, '.spindle/chaos/planted-bugs.json');
const say = (line: string): void => void process.stdout.write(`${line}\n`);

interface Run {
  fault: Fault;
  seed: number;
}

interface Running {
  spindle: SpindleForTests;
  places: Place[];
}

/** @returns the exit code: 1 when something was violated, or a run broke. */
export const main = async (argv: string[], commit: string): Promise<number> => {
  const { values } = parseArgs({
    args: argv,
    options: {
      points: { type: 'string' },
      seeds: { type: 'string', default: '1' },
      seed: { type: 'string' },
      engine: { type: 'string', default: 'targetcli' },
      jobs: { type: 'string', default: '1' },
      resume: { type: 'boolean', default: false },
      report: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      reboot: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) say(USAGE);
  if (values.list) for (const { name } of FAULTS) say(name);
  if (values.help || values.list) return 0;
  const { engine } = values;
  if (values.reboot) return (await rebootNode(Number(values.reboot), { engine, folder: reboots, commit }, say)) ? 0 : 1;
  const folder = folderOf(engine);
  const wanted = values.points?.split(',');
  const faults = FAULTS.filter(({ ofTargetcli }) => engine === 'targetcli' || !ofTargetcli).filter(
    ({ name }) => !wanted || wanted.some((word) => name === word || name.startsWith(`${word}.`)),
  );
  const seeds = values.seed ? [Number(values.seed)] : [...Array(Number(values.seeds))].map((_, at) => at + 1);
  mkdirSync(folder, { recursive: true });
  const results = await runAll(faults, seeds, { jobs: Number(values.jobs), resume: values.resume, commit, engine });
  say(table(results));
  if (values.report) writeFileSync(join(root, 'docs/chaos-report.md'), report(allResults(folder), commit, sections()));
  return results.some(({ violations }) => violations.length > 0) ? 1 : 0;
};

const fileOf = (engine: string, fault: Fault, seed: number): string => join(folderOf(engine), `${fault.name}-${seed}.json`);

const allResults = (folder: string): Result[] =>
  sorted(
    readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => readResult(join(folder, name))),
  );

const readResult = (file: string): Result => JSON.parse(readFileSync(file, 'utf8')) as Result;

const earlierRuns = (engine: string, fault: Fault, seed: number): Earlier[] => {
  const file = fileOf(engine, fault, seed);
  if (!existsSync(file)) return [];
  const { commit, struck, violations, earlier } = readResult(file);
  return [...earlier, { commit, struck, violations }];
};

/** What the other commands found, as far as they were run here. */
const sections = (): string[] => [
  rebootSection(readReboots(reboots)),
  existsSync(planted) ? plantedReport(JSON.parse(readFileSync(planted, 'utf8')) as PlantedResults) : '',
];

const sorted = (results: Result[]): Result[] => {
  const order = FAULTS.map(({ name }) => name);
  return results.sort((a, b) => order.indexOf(a.fault) - order.indexOf(b.fault) || a.seed - b.seed);
};

interface RunOptions {
  jobs: number;
  resume: boolean;
  commit: string;
  engine: string;
}

const runAll = async (faults: Fault[], seeds: number[], options: RunOptions): Promise<Result[]> => {
  const results: Result[] = [];
  const runs = seeds.flatMap((seed) => faults.map((fault) => ({ fault, seed })));
  const isThere = ({ fault, seed }: Run): boolean => options.resume && existsSync(fileOf(options.engine, fault, seed));
  results.push(...runs.filter(isThere).map(({ fault, seed }) => readResult(fileOf(options.engine, fault, seed))));
  const left = runs.filter((run) => !isThere(run));
  await Promise.all([...Array(options.jobs)].map((_, job) => work(`chaos-${job + 1}`, options, left, results)));
  return sorted(results);
};

/** One Spindle for all of them; a run that breaks, or that leaves something behind, ends it, and the next run gets a new one. */
const work = async (name: string, { commit, engine }: RunOptions, left: Run[], results: Result[]): Promise<void> => {
  let running: Running | undefined;
  try {
    for (let run = left.shift(); run; run = left.shift()) {
      const { fault, seed } = run;
      running ??= await boot(name, engine);
      const outcome = await runOnce(running.spindle, running.places, fault, seed).catch(brokenRun(fault, seed));
      const result: Result = { ...outcome, commit, earlier: earlierRuns(engine, fault, seed) };
      writeFileSync(fileOf(engine, fault, seed), `${JSON.stringify(result, null, 2)}\n`);
      results.push(result);
      tell(result);
      if (result.violations.length === 0) continue;
      keepLogs(running.spindle, run);
      await running.spindle.end();
      running = undefined;
    }
  } finally {
    await running?.spindle.end();
  }
};

/** Of a run that found something: the next Spindle writes to the same folder. */
const keepLogs = ({ endpoints }: SpindleForTests, { fault, seed }: Run): void => {
  const from = dirname(endpoints.image_root);
  const to = join(failed, `${fault.name}-${seed}`);
  for (const name of ['logs', 'nats/nats.log', 'lab/executor.log', 'lab/console.log'])
    if (existsSync(join(from, name))) cpSync(join(from, name), join(to, name), { recursive: true });
};

const boot = async (name: string, engine: string): Promise<Running> => {
  const spindle = await startSpindleForTests(name, { LIO_ENGINE: engine });
  return { spindle, places: await makePlaces(spindle) };
};

const brokenRun =
  (fault: Fault, seed: number) =>
  (error: unknown): Outcome => {
    if (error instanceof Error) process.stderr.write(`${error.stack}\n`); // it names paths of this machine, so no report has it
    return {
      fault: fault.name,
      seed,
      struck: false,
      violations: [{ kind: 'late', what: `the run broke: ${String(error)}` }],
      commands: 0,
      retries: 0,
      recoveryMs: null,
      answerMs: null,
      tookMs: 0,
    };
  };

const tell = ({ fault, seed, struck, violations, recoveryMs, answerMs, tookMs, commands, retries }: Result): void => {
  say(
    `${violations.length === 0 ? 'ok ' : 'BAD'} ${fault} seed ${seed}: ${struck ? 'struck' : 'NOT STRUCK'}, ${commands} commands, ` +
      `${retries} retries, recovery ${recoveryMs ?? '-'} ms, last answer ${answerMs ?? '-'} ms, ${(tookMs / 1_000).toFixed(1)} s`,
  );
  for (const { kind, what } of violations) say(`    ${kind}: ${what}`);
};

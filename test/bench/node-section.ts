import { BenchLab } from './bench-lab';
import { medianOf, one, type Row } from './row';

export interface NodeProfile {
  /** How many other targets there are. */
  others: number[];
  /** Of one target at a time. */
  rounds: number;
  burst: number;
  /** Machines that boot at once. */
  storm: number;
  /** Where a process for each command is waited for. */
  processesAt: number[];
  processRounds: number;
  rtslib: number;
  restore: number;
  /** Targets of `targetctl restore`, whose time grows with the square: what it takes for more is extrapolated. */
  targetctl: number[];
}

export const NODE_PROFILES: Record<'short' | 'full', NodeProfile> = {
  short: {
    others: [0, 10, 100],
    rounds: 15,
    burst: 20,
    storm: 100,
    processesAt: [100],
    processRounds: 1,
    rtslib: 5,
    restore: 100,
    targetctl: [100],
  },
  full: {
    others: [0, 100, 400, 1_000],
    rounds: 120,
    burst: 100,
    storm: 1_000,
    processesAt: [0, 100, 400],
    processRounds: 2,
    rtslib: 10,
    restore: 1_000,
    targetctl: [100, 200, 400],
  },
};

const SAVED = '/run/bench-restore.json';

const rowsOf = (times: Record<string, number[]>, who: string, others: number): Row[] =>
  Object.entries(times).map(([what, values]) => medianOf(`${who} ${what}, ${others} others`, values, 'ms'));

const inTurnRows = (times: Record<string, number[]>, others: number): Row[] =>
  Object.entries(times).map(([what, values]) => medianOf(`${what.replace('engine', 'configfs engine')}, ${others} others`, values, 'ms'));

const withOthers = async (lab: BenchLab, profile: NodeProfile, say: (line: string) => void): Promise<Row[]> => {
  const rows: Row[] = [];
  let there = 0;
  for (const others of profile.others) {
    await lab.run('fill', there, others, 'configfs');
    there = others;
    say(`${others} other targets`);
    await lab.run('in-turn', 2, 'configfs'); // the first ones cost more
    rows.push(...inTurnRows(await lab.run('in-turn', profile.rounds, 'configfs'), others));
    rows.push(...rowsOf(await lab.run('burst', profile.burst, 'targetcli'), 'targetcli engine in a burst', others));
    rows.push(...rowsOf(await lab.python('rtslib-target.py', profile.rtslib), 'rtslib', others));
    if (others <= 400)
      rows.push(...rowsOf(await lab.python('rtslib-target.py', Math.min(2, profile.rtslib), 'save'), 'rtslib with save', others));
    if (profile.processesAt.includes(others))
      rows.push(...rowsOf(await lab.run('processes', profile.processRounds, 'targetcli'), 'targetcli process per command', others));
  }
  await lab.run('empty', there, 'configfs');
  return rows;
};

/** By the power that the two largest measured ones show. */
const extrapolated = (count: number, [fewer, sooner]: [number, number], [more, later]: [number, number]): Row => {
  const power = Math.log(later / sooner) / Math.log(more / fewer);
  const row = one(`restore of ${count}, targetctl`, later * (count / more) ** power, 'ms');
  return { ...row, note: `extrapolated from ${fewer} and ${more}, which grow with power ${power.toFixed(2)}` };
};

const restoring = async (lab: BenchLab, profile: NodeProfile, say: (line: string) => void): Promise<Row[]> => {
  say(`restoring ${profile.restore}`);
  const { ours, raw } = await lab.run('restore', profile.restore, 'configfs');
  const rows = [
    one(`restore of ${profile.restore}, configfs engine`, ours![0]!, 'ms'),
    one(`restore of ${profile.restore}, raw`, raw![0]!, 'ms'),
  ];
  const measured: [number, number][] = [];
  for (const count of profile.targetctl) {
    say(`targetctl restore of ${count}`);
    await lab.run('fill', 0, count, 'configfs');
    const ms = await lab.sh(`export HOME=/run/home TARGETCLI_HOME=/run/bench-home
      targetctl save ${SAVED} >/dev/null && targetctl clear >/dev/null
      began=$(date +%s%N); targetctl restore ${SAVED} >&2; echo $((($(date +%s%N) - began) / 1000000)); targetctl clear >/dev/null`);
    measured.push([count, Number(ms)]);
    rows.push(one(`restore of ${count}, targetctl`, Number(ms), 'ms'));
  }
  const last = measured.at(-1)!;
  if (last[0] < profile.restore) rows.push(extrapolated(profile.restore, measured.at(-2) ?? [1, last[1] / last[0]], last));
  return rows;
};

export const nodeSection = async (profile: NodeProfile, say: (line: string) => void): Promise<Row[]> => {
  const lab = await BenchLab.start();
  try {
    const rows = await withOthers(lab, profile, say);
    const journal = await lab.run('journal', profile.rounds, 'configfs');
    rows.push(...Object.entries(journal).map(([what, values]) => medianOf(`journal ${what}, with its fsync`, values, 'ms')));
    return [...rows, ...(await restoring(lab, profile, say))];
  } finally {
    await lab.stop();
  }
};

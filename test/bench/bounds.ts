import type { NodeProfile } from './node-section';
import type { Row } from './row';

/** Two figures of one run beside each other, and what their ratio must not pass; a figure alone where the goal is one. */
export interface Bound {
  what: string;
  ratio: number;
  /** `most`: the ratio must not be above; `least`: not below. */
  side: 'most' | 'least';
  limit: number;
}

export const holds = ({ ratio, side, limit }: Bound): boolean => (side === 'most' ? ratio <= limit : ratio >= limit);

const most = (what: string, ratio: number, limit: number): Bound => ({ what, ratio, side: 'most', limit });
const least = (what: string, ratio: number, limit: number): Bound => ({ what, ratio, side: 'least', limit });

/** @throws Error for a figure that was not measured: a bound without it would always hold. */
const valuesOf = (rows: Row[]) => (name: string) => {
  const row = rows.find((one) => one.name === name);
  if (!row) throw new Error(`there is no figure "${name}"`);
  return row.value;
};

/** One figure in 64 of a machine that does other things as well. */
const NOISE = 1.4;

export const nodeBounds = (rows: Row[], profile: NodeProfile): Bound[] => {
  const of = valuesOf(rows);
  const [first, last] = [profile.others[0]!, profile.others.at(-1)!];
  const at = profile.processesAt.at(-1)!;
  const scripted = of(`targetcli process per command create, ${at} others`);
  const { restore } = profile;
  return [
    ...profile.others.flatMap((n) => [
      most(
        `create with ${n} others: configfs engine to raw calls`,
        of(`configfs engine create, ${n} others`) / of(`raw create, ${n} others`),
        1.5,
      ),
      most(`status with ${n} others: ours to raw reads`, of(`configfs engine status, ${n} others`) / of(`raw status, ${n} others`), 2),
    ]),
    most(
      `create: configfs engine with ${last} others to ${first}`,
      of(`configfs engine create, ${last} others`) / of(`configfs engine create, ${first} others`),
      NOISE,
    ),
    most(
      `status: with ${last} others to ${first}`,
      of(`configfs engine status, ${last} others`) / of(`configfs engine status, ${first} others`),
      NOISE,
    ),
    least(`create with ${at} others: targetcli processes to configfs engine`, scripted / of(`configfs engine create, ${at} others`), 300),
    least(
      `create with ${at} others: targetcli processes to targetcli engine in a burst`,
      scripted / of(`targetcli engine in a burst create, ${at} others`),
      at >= 400 ? 20 : 5,
    ),
    most(
      `restore of ${restore}: configfs engine to raw calls`,
      of(`restore of ${restore}, configfs engine`) / of(`restore of ${restore}, raw`),
      1.5,
    ),
    least(
      `restore of ${restore}: targetctl to configfs engine`,
      of(`restore of ${restore}, targetctl`) / of(`restore of ${restore}, configfs engine`),
      restore >= 1_000 ? 20 : 4,
    ),
  ];
};

const MOST_MB = 300;
const TRAIL_MS = 5_000;
/** The goal, and what a change must not fall behind: the goal is not reached yet, see docs/performance.md. */
const LEAST_PERCENT = { full: 25, short: 4 };

export const stormBounds = (rows: Row[], nodeRows: Row[] | undefined, profile: NodeProfile): Bound[] => {
  const of = valuesOf(rows);
  const storm = `boot storm of ${profile.storm}, configfs engine`;
  const memory = rows.filter(({ unit }) => unit === 'MB').map(({ value }) => value);
  return [
    ...(nodeRows
      ? [
          most(
            `${storm}: last ACTIVE to the node's own time`,
            of(`${storm}: last ACTIVE after`) / valuesOf(nodeRows)(`restore of ${profile.storm}, configfs engine`),
            3,
          ),
        ]
      : []),
    most(`${storm}: trail complete, ms after the last ACTIVE`, of(`${storm}: trail complete after the last ACTIVE`), TRAIL_MS),
    most('memory of any service, MB', Math.max(...memory), MOST_MB),
  ];
};

export const controlBounds = (rows: Row[], profile: 'short' | 'full'): Bound[] => {
  const of = valuesOf(rows);
  const memory = rows.filter(({ unit }) => unit === 'MB').map(({ value }) => value);
  return [
    least('commands over NATS to bare transactions of two inserts, %', of('commands to bare transactions'), LEAST_PERCENT[profile]),
    least(
      'trail entries to commands, each second',
      of('entries from the outbox to the trail') / of('create and delete over NATS, 16 clients'),
      1,
    ),
    most('memory of any service, MB', Math.max(...memory), MOST_MB),
  ];
};

export const boundsTable = (bounds: Bound[]): string =>
  bounds
    .map(
      (bound) =>
        `${holds(bound) ? 'within' : 'PAST  '}  ${bound.ratio.toPrecision(3)}, ${bound.side === 'most' ? 'at most' : 'at least'} ${bound.limit}: ${bound.what}`,
    )
    .join('\n');

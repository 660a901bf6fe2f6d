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

/**
 * `full` has the goals of docs/performance.md; `short` is what a change must not fall behind on a busy machine with few rounds, and fewer targets.
 */
const LIMITS = {
  full: { create: 1.5, status: 2, flat: 1.4, processes: 300, burst: 20, restore: 1.5, targetctl: 20, storm: 3, percent: 25 },
  short: { create: 3, status: 3, flat: 3, processes: 300, burst: 5, restore: 4, targetctl: 2, storm: 8, percent: 2 },
};
type Name = keyof typeof LIMITS;

export const nodeBounds = (rows: Row[], name: Name, profile: NodeProfile): Bound[] => {
  const limits = LIMITS[name];
  const of = valuesOf(rows);
  const ratio = (one: string, other: string) => of(one) / of(other);
  const [first, last] = [profile.others[0]!, profile.others.at(-1)!];
  const at = profile.processesAt.at(-1)!;
  const ours = (what: string, n: number) => `configfs engine ${what}, ${n} others`;
  const scripted = `targetcli process per command create, ${at} others`;
  const restore = (who: string) => `restore of ${profile.restore}, ${who}`;
  return [
    ...profile.others.flatMap((n) => [
      most(`create with ${n} others: configfs engine to raw calls`, ratio(ours('create', n), `raw create, ${n} others`), limits.create),
      most(`status with ${n} others: ours to raw reads`, ratio(ours('status', n), `raw status, ${n} others`), limits.status),
    ]),
    most(`create by the configfs engine: with ${last} others to ${first}`, ratio(ours('create', last), ours('create', first)), limits.flat),
    most(`status: with ${last} others to ${first}`, ratio(ours('status', last), ours('status', first)), limits.flat),
    least(`create with ${at} others: targetcli processes to configfs engine`, ratio(scripted, ours('create', at)), limits.processes),
    least(
      `create with ${at} others: targetcli processes to targetcli engine in a burst`,
      ratio(scripted, `targetcli engine in a burst create, ${at} others`),
      limits.burst,
    ),
    most(`${restore('configfs engine')} to raw calls`, ratio(restore('configfs engine'), restore('raw')), limits.restore),
    least(`${restore('targetctl')} to configfs engine`, ratio(restore('targetctl'), restore('configfs engine')), limits.targetctl),
  ];
};

const MOST_MB = 300;
const TRAIL_MS = 5_000;
const memoryBound = (rows: Row[]): Bound =>
  most('memory of any service, MB', Math.max(...rows.filter(({ unit }) => unit === 'MB').map(({ value }) => value)), MOST_MB);

export const stormBounds = (rows: Row[], name: Name, { storm: count }: NodeProfile): Bound[] => {
  const of = valuesOf(rows);
  const alone = of(`the node's own time for ${count}, configfs engine`);
  const boundsOf = (storm: string): Bound[] => [
    most(`${storm}: last ACTIVE to the node's own time`, of(`${storm}: last ACTIVE after`) / alone, LIMITS[name].storm),
    most(`${storm}: trail complete, ms after the last ACTIVE`, of(`${storm}: trail complete after the last ACTIVE`), TRAIL_MS),
  ];
  return [
    ...['a disk each', 'one disk'].flatMap((disks) => boundsOf(`boot storm of ${count}, ${disks}, configfs engine`)),
    memoryBound(rows),
  ];
};

export const controlBounds = (rows: Row[], name: Name): Bound[] => {
  const of = valuesOf(rows);
  const trail = of('entries from the outbox to the trail') / of('create and delete over NATS, 64 clients');
  return [
    least('commands over NATS to bare transactions of two inserts, %', of('commands to bare transactions'), LIMITS[name].percent),
    least('trail entries to commands, each second', trail, 1),
    memoryBound(rows),
  ];
};

export const boundsTable = (bounds: Bound[]): string =>
  bounds
    .map(
      (bound) =>
        `${holds(bound) ? 'within' : 'PAST  '}  ${bound.ratio.toPrecision(3)}, ${bound.side === 'most' ? 'at most' : 'at least'} ${bound.limit}: ${bound.what}`,
    )
    .join('\n');

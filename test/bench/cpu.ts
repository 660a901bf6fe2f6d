import { readFileSync } from 'node:fs';
import { one, type Row } from './row';
import type { World } from './world';

/** proc(5): times are in clock ticks, of which Linux shows a program a hundred a second whatever its kernel has. */
const TICK_MS = 10;

/** Workers of Postgres come and go: one that has just ended is in its parent's sum. */
const textOf = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

const ticksOf = (pid: number): number => {
  const fields = textOf(`/proc/${pid}/stat`)
    .replace(/^.*\) /s, '')
    .split(' ');
  // utime and stime, and those of children that have ended: the 14th to 17th of all
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
};

/** Postgres works in a process for each connection. */
const withChildren = (pid: number): number[] => {
  const children = textOf(`/proc/${pid}/task/${pid}/children`).trim();
  return [pid, ...(children ? children.split(' ').flatMap((child) => withChildren(Number(child))) : [])];
};

const msOf = (pids: number[]): number => pids.reduce((sum, pid) => sum + ticksOf(pid), 0) * TICK_MS;

/** Milliseconds of CPU that each process of the control plane has used, with its children. */
export const cpuOf = (world: World): Map<string, number> =>
  new Map([
    ['Postgres', msOf(withChildren(world.postgres.pid))],
    ['NATS', msOf([world.nats.pid])],
    ...Object.entries(world.services).map(([name, { process }]): [string, number] => [name, msOf([process.pid])]),
    ['clients and simulated node', msOf([process.pid])],
  ]);

/** What one piece of work took of the CPU, process by process and together. */
export const cpuRows = (work: string, before: Map<string, number>, after: Map<string, number>, count: number): Row[] => {
  const each = [...after].map(([name, ms]) => one(`CPU of ${work}, ${name}`, (ms - before.get(name)!) / count, 'ms'));
  return [
    ...each,
    one(
      `CPU of ${work}, together`,
      each.reduce((sum, { value }) => sum + value, 0),
      'ms',
    ),
  ];
};

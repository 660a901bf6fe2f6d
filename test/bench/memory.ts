import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { MANY } from './command-rate';
import { closedLoop, overNats } from './load';
import { one, type Row } from './row';
import type { Inventory, World } from './world';

const LOOK_MS = 200;
const SETTLE_MS = 10_000;
const PIECE_MS = 2_000;

/** @param status what proc(5) has of a process */
export const rssMb = (status: string): number => Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1_024;
export const statusOf = (pid: number): string => readFileSync(`/proc/${pid}/status`, 'utf8');

const rssOf = (world: World): Map<string, number> =>
  new Map(Object.entries(world.services).map(([name, { process }]) => [name, rssMb(statusOf(process.pid))]));

/** Of services that have just started: at rest, at the highest while so many commands run, after a tenth of them, and some seconds after the last. */
export const memory = async (world: World, inventory: Inventory, commands: number): Promise<Row[]> => {
  await sleep(SETTLE_MS / 2);
  const rest = rssOf(world);
  const highest = new Map(rest);
  let tenth: Map<string, number> | undefined;
  const look = setInterval(() => rssOf(world).forEach((mb, name) => highest.set(name, Math.max(mb, highest.get(name)!))), LOOK_MS);
  let done = 0;
  while (done < commands) {
    done += (await closedLoop(world, inventory, overNats, MANY, PIECE_MS)).took.length;
    if (done >= commands / 10) tenth ??= rssOf(world);
  }
  clearInterval(look);
  await sleep(SETTLE_MS);
  const after = rssOf(world);
  const rows = [...rest.keys()].flatMap((name) => [
    one(`${name} at rest`, rest.get(name)!, 'MB'),
    one(`${name} after a tenth`, tenth!.get(name)!, 'MB'),
    one(`${name} at the highest`, highest.get(name)!, 'MB'),
    one(`${name} after all`, after.get(name)!, 'MB'),
  ]);
  return [one('commands meanwhile', done, 'commands'), ...rows];
};

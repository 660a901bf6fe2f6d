import { commandFloor } from './command-floor';
import { CLIENTS, commandRates, httpRates } from './command-rate';
import { listSpeed } from './list-speed';
import { memory } from './memory';
import type { Row } from './row';
import { trailRates } from './trail-rate';
import { World } from './world';

/** The control plane alone, against a SIMULATED storage node that has done every wish at once. */
export const measureControlPlane = async (full: boolean, say: (line: string) => void): Promise<Row[]> => {
  const rounds = full ? 7 : 3;
  const ms = full ? 10_000 : 3_000;
  const world = new World();
  const rows: Row[] = [];
  const section = async (name: string, measure: () => Promise<Row[]>) => {
    say(`control plane: ${name}`);
    await world.logIn();
    rows.push(...(await measure()));
  };
  try {
    await world.start();
    const inventory = await world.makeInventory(CLIENTS * 16);
    await section('memory', () => memory(world, inventory, full ? 100_000 : 3_000));
    await section('commands', () => commandRates(world, inventory, rounds, ms));
    await section('floor of a command', () => commandFloor(world, ms));
    await section('http', () => httpRates(world, inventory, rounds, ms));
    await section('lists', () => listSpeed(world, inventory.image, full ? 10_000 : 1_000));
    await section('trail', () => trailRates(world, full ? 1_000_000 : 50_000));
  } finally {
    await world.stop();
  }
  return rows;
};

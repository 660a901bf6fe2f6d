import { writeFileSync } from 'node:fs';
import { CLIENTS, commandRates, httpRates } from './command-rate';
import { listSpeed } from './list-speed';
import { memory } from './memory';
import { asTable, type Row } from './row';
import { trailRates } from './trail-rate';
import { World } from './world';

interface Section {
  section: string;
  rows: Row[];
}

/** The control plane alone, against a SIMULATED storage node that has done every wish at once. */
export const measureControlPlane = async (full: boolean): Promise<Section[]> => {
  const rounds = full ? 7 : 3;
  const ms = full ? 10_000 : 3_000;
  const world = new World();
  const sections: Section[] = [];
  const section = async (name: string, measure: () => Promise<Row[]>) => {
    await world.logIn();
    const rows = await measure();
    sections.push({ section: name, rows });
    process.stdout.write(`\n${name}\n${asTable(rows)}\n`);
  };
  try {
    await world.start();
    const inventory = await world.makeInventory(CLIENTS * 16);
    await section('memory', () => memory(world, inventory, full ? 120_000 : 10_000));
    await section('commands', () => commandRates(world, inventory, rounds, ms));
    await section('http', () => httpRates(world, inventory, rounds, ms));
    await section('lists', () => listSpeed(world, inventory.image, full ? 10_000 : 1_000));
    await section('trail', () => trailRates(world, full ? 1_000_000 : 50_000));
  } finally {
    await world.stop();
  }
  return sections;
};

/** `--full` takes longer and has more records; `--json FILE` keeps the figures. */
export const main = async (argv: string[], commit: string): Promise<number> => {
  const full = argv.includes('--full');
  process.stdout.write(`commit ${commit}, ${full ? 'full' : 'short'}, storage node simulated\n`);
  const sections = await measureControlPlane(full);
  const file = argv[argv.indexOf('--json') + 1];
  if (argv.includes('--json') && file) writeFileSync(file, `${JSON.stringify({ commit, full, node: 'simulated', sections }, null, 2)}\n`);
  return 0;
};

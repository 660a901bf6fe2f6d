import { setTimeout as sleep } from 'node:timers/promises';
import type { Inventory, World } from './world';

/** Milliseconds that each command took. */
export interface Load {
  perSecond: number;
  took: number[];
}

export type Door = (world: World, machine: string, image: string) => Promise<number[]>;

const timed = async <T>(work: () => Promise<T>): Promise<{ value: T; took: number }> => {
  const since = performance.now();
  const value = await work();
  return { value, took: performance.now() - since };
};

const mustBe = (target: { id: string; status: string }, status: string): string => {
  if (target.status !== status) throw new Error(`target ${target.id} is ${target.status} and not ${status}`);
  return target.id;
};

/** Create and delete, two commands, over NATS. */
export const overNats: Door = async (world, machine_id, image_id) => {
  const made = await timed(() => world.ask<{ id: string; status: string }>('targets.create', { machine_id, image_id }));
  const id = mustBe(made.value, 'ACTIVE');
  const gone = await timed(() => world.ask<{ id: string; status: string }>('targets.delete', { id }));
  mustBe(gone.value, 'INACTIVE');
  return [made.took, gone.took];
};

export const overHttp: Door = async (world, machine_id, image_id) => {
  const made = await timed(() => world.http<{ id: string; status: string }>('POST', 'targets', { machine_id, image_id }));
  const id = mustBe(made.value, 'ACTIVE');
  const gone = await timed(() => world.http<{ id: string; status: string }>('DELETE', `targets/${id}`));
  mustBe(gone.value, 'INACTIVE');
  return [made.took, gone.took];
};

/** As fast as so many clients go, each with one command at a time. */
export const closedLoop = async (world: World, { machines, image }: Inventory, door: Door, clients: number, ms: number): Promise<Load> => {
  const took: number[] = [];
  const since = performance.now();
  const client = async (machine: string) => {
    while (performance.now() - since < ms) took.push(...(await door(world, machine, image)));
  };
  await Promise.all(machines.slice(0, clients).map(client));
  return { perSecond: took.length / ((performance.now() - since) / 1_000), took };
};

/** Begins pairs at a steady rate, whatever became of those before: what waits for a machine counts as waiting. */
export const openLoop = async (world: World, { machines, image }: Inventory, door: Door, perSecond: number, ms: number): Promise<Load> => {
  const took: number[] = [];
  const free = [...machines];
  const running = new Set<Promise<void>>();
  const pairs = Math.floor((perSecond / 2) * (ms / 1_000));
  const since = performance.now();
  for (let pair = 0; pair < pairs; pair++) {
    const due = since + (pair * 2_000) / perSecond;
    while (performance.now() < due || free.length === 0) await sleep(1);
    const machine = free.pop()!;
    const late = performance.now() - due;
    const work = door(world, machine, image).then(([create, remove]) => {
      took.push(create! + late, remove!);
      free.push(machine);
      running.delete(work);
    });
    running.add(work);
  }
  await Promise.all(running);
  return { perSecond: took.length / ((performance.now() - since) / 1_000), took };
};

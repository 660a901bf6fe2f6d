import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newId, sleep } from '#runtime';
import { applyTarget } from '../../apps/storage-node-executor/src/apply-target';
import { Journal } from '../../apps/storage-node-executor/src/journal';
import { desiredTarget, type DesiredTarget } from '../../apps/storage-node-executor/src/lio/target-state';
import { targetStatus } from '../../apps/storage-node-executor/src/target-status';
import { IMAGES, JOURNAL, openEngine, silent, type Engine, type EngineName } from './lab-engine';
import { makeRaw, removeRaw } from './raw-target';
import { recordReads, replay } from './replay-reads';

const PREFIX = 'iqn.2025-01.io.spindle';
const IMAGE_BYTES = 1024 * 1024;

/** Above any that targetcli and the engine give: they take the lowest that is free. */
const hbaOf = (number: number): string => `fileio_${100_000 + number}`;

/** A target that is named as the product names them. */
const WISHED = 'wished';

const wishOf = (name: string) => {
  const target_id = newId();
  const file = `${name === WISHED ? target_id : name}.img`;
  writeFileSync(join(IMAGES, file), '');
  truncateSync(join(IMAGES, file), IMAGE_BYTES);
  return {
    target_id,
    generation: 1,
    state: 'present' as 'present' | 'absent',
    iqn: `${PREFIX}:${name === WISHED ? target_id : name}`,
    initiator_iqn: `${PREFIX}:m-${name}`,
    lun: 0,
    disk: { disk_id: newId(), image_file: file, size_bytes: IMAGE_BYTES, read_only: false },
    if_idle: false,
    confirmed: false,
    chap: null,
  };
};
type Wish = ReturnType<typeof wishOf>;
const desiredOf = (wish: Wish, engine: Engine): DesiredTarget => desiredTarget(wish, engine.adapter.settings);

const timed = async (work: () => unknown): Promise<number> => {
  const began = performance.now();
  await work();
  return performance.now() - began;
};

type Times = Record<string, number[]>;
const note = (times: Times, name: string, ms: number): void => void (times[name] ??= []).push(ms);

/** Targets that are there while others are measured. */
const fill = async (engine: Engine, from: number, to: number): Promise<Times> => {
  for (let number = from; number < to; number++) makeRaw(desiredOf(wishOf(`fill-${number}`), engine), hbaOf(number));
  return {};
};

const empty = async (engine: Engine, count: number): Promise<Times> => {
  for (let number = 0; number < count; number++) {
    const iqn = `${PREFIX}:fill-${number}`;
    const backstore = engine.adapter.tree.target(iqn)!.luns[0]!.backstore!.replace(/^.*\//, '');
    removeRaw(
      { iqn, initiatorIqn: `${PREFIX}:m-fill-${number}`, backstore, lun: 0, portal: engine.adapter.settings.portal } as DesiredTarget,
      hbaOf(number),
    );
  }
  return {};
};

/** After so long our index of HBAs is sure that it has seen the last change. */
const STAMPED_MS = 40;

/** Reads back what a look of ours reads, past our index of HBAs, which does not know what was made raw. */
const readBack = async ({ adapter }: Engine, { iqn, backstore }: DesiredTarget): Promise<number> => {
  const look = () => adapter.tree.see(iqn, backstore);
  await sleep(STAMPED_MS);
  look();
  const reads = recordReads(look);
  return timed(() => replay(reads));
};

/** So many of one kind in a row: whoever writes to configfs beside us costs us a look at all HBAs, once. */
const IN_A_ROW = 5;

const rawRounds = async (engine: Engine, times: Times): Promise<void> => {
  for (let round = 0; round < IN_A_ROW; round++) {
    const raw = desiredOf(wishOf('raw'), engine);
    const made = await timed(() => makeRaw(raw, hbaOf(99_999)));
    note(times, 'raw create', made + (await readBack(engine, raw)));
    const removed = await timed(() => removeRaw(raw, hbaOf(99_999)));
    note(times, 'raw delete', removed + (await readBack(engine, raw)));
  }
};

const engineRounds = async ({ adapter, journal }: Engine, times: Times): Promise<void> => {
  for (let round = 0; round < IN_A_ROW; round++) {
    const wish = wishOf('engine');
    note(times, 'engine create', await timed(() => adapter.createCompleteTarget(wish)));
    const live = () => targetStatus(wish, adapter, journal);
    const reads = recordReads(live);
    note(times, 'raw status', await timed(() => replay(reads)));
    note(times, 'engine status', await timed(live));
    note(times, 'engine delete', await timed(() => adapter.deleteTarget(wish.iqn, `spindle-${wish.disk.disk_id}`)));
  }
};

/** Before anything is noted: an executor has long been running when a class is switched on, so its code is compiled. */
const WARM_UP = 30;

/** One target at a time, raw and by the engine in turn, so that both meet the same minute of the machine. */
const inTurn = async (engine: Engine, rounds: number): Promise<Times> => {
  const times: Times = {};
  for (let round = 0; round < WARM_UP; round += IN_A_ROW) {
    await rawRounds(engine, {});
    await engineRounds(engine, {});
  }
  for (let round = 0; round < rounds; round += IN_A_ROW) {
    await rawRounds(engine, times);
    await engineRounds(engine, times);
  }
  return times;
};

/** Of a burst: with a thousand others targetcli takes seconds for each. */
const DELETED = 10;

/** Has each step that `adapter` performs noted, by its name. */
const noteSteps = (adapter: Engine['adapter'], times: Times): void => {
  const perform = adapter.perform.bind(adapter);
  adapter.perform = async (step) => note(times, step.step, await timed(() => perform(step)));
};

/** Many after one another, as a class that is switched on. The first one's start-up is in it. */
const burst = async ({ adapter, close: release }: Engine, count: number): Promise<Times> => {
  const steps: Times = {};
  noteSteps(adapter, steps);
  const wishes = Array.from({ length: count }, (_, number) => wishOf(`burst-${number}`));
  adapter.stay();
  const create = await timed(async () => {
    for (const wish of wishes) await adapter.createCompleteTarget(wish);
  });
  const removed = wishes.splice(0, DELETED);
  const remove = await timed(async () => {
    for (const wish of removed) await adapter.deleteTarget(wish.iqn, `spindle-${wish.disk.disk_id}`);
  });
  adapter.rest();
  await release();
  const fast = openEngine('configfs');
  for (const wish of wishes) await fast.adapter.deleteTarget(wish.iqn, `spindle-${wish.disk.disk_id}`);
  await fast.close();
  return { create: [create / count], delete: [remove / removed.length], ...steps };
};

/** What comes after a node's start: whole wishes, each with its journal, checks of its image, plan, run and read-back. */
const restore = async (engine: Engine, count: number): Promise<Times> => {
  const wishes = Array.from({ length: count }, () => wishOf(WISHED));
  const { adapter, nodeLease, journal } = engine;
  const parts = { adapter, nodeLease, journal, imageRootIsMount: false, log: silent, changed: () => undefined };
  const ours = await timed(async () => {
    for (const wish of wishes) {
      const { outcome, error } = await applyTarget(wish, parts);
      if (outcome !== 'done') throw new Error(JSON.stringify(error));
    }
  });
  for (const wish of wishes) await applyTarget({ ...wish, generation: 2, state: 'absent' }, parts);
  const desired = wishes.map((wish) => desiredOf(wish, engine));
  let raw = 0;
  for (const [number, one] of desired.entries()) {
    raw += await timed(() => makeRaw(one, hbaOf(number)));
    // a look of ours takes the same at any number of targets; what it reads does not change with it
    if (number === 0) raw += (await readBack(engine, one)) * count;
  }
  desired.forEach((one, number) => removeRaw(one, hbaOf(number)));
  return { ours: [ours], raw: [raw] };
};

/** The only writing to a disk that a change waits for. */
const journalLines = async (_: Engine, rounds: number): Promise<Times> => {
  const journal = Journal.open(`${JOURNAL}-alone`);
  const times: Times = {};
  for (let round = 0; round < rounds; round++) {
    const wish = wishOf(WISHED);
    note(times, 'begin', await timed(() => journal.begin(wish, true)));
    note(times, 'settle', await timed(() => journal.settle({ phase: 'present', wish }, true)));
  }
  return times;
};

/** A process of targetcli for each of four commands: what a script does. */
const processes = async (_: Engine, rounds: number): Promise<Times> => {
  const times: Times = {};
  const run = (...command: string[]) => {
    const { status, stderr } = spawnSync('targetcli', command, {
      encoding: 'utf8',
      env: { ...process.env, TARGETCLI_HOME: '/run/bench/home' },
    });
    if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr}`);
  };
  for (let round = 0; round < rounds; round++) {
    wishOf('process');
    const iqn = `${PREFIX}:process`;
    note(
      times,
      'create',
      await timed(() => {
        run('/backstores/fileio', 'create', 'name=process', `file_or_dev=${join(IMAGES, 'process.img')}`, 'write_back=false');
        run('/iscsi', 'create', `wwn=${iqn}`);
        run(`/iscsi/${iqn}/tpg1/luns`, 'create', '/backstores/fileio/process');
        run(`/iscsi/${iqn}/tpg1/acls`, 'create', `${PREFIX}:m-process`);
      }),
    );
    note(
      times,
      'delete',
      await timed(() => {
        run('/iscsi', 'delete', iqn);
        run('/backstores/fileio', 'delete', 'process');
      }),
    );
  }
  return times;
};

const TASKS = { 'in-turn': inTurn, burst, restore, journal: journalLines, processes };

/** argv: `fill FROM TO`, `empty COUNT`, or TASK COUNT; then `targetcli` or `configfs`. Prints milliseconds of each as JSON. */
const main = async (): Promise<void> => {
  const [task, first, second, third] = process.argv.slice(2);
  mkdirSync(IMAGES, { recursive: true });
  rmSync(JOURNAL, { recursive: true, force: true });
  const engine = openEngine((task === 'fill' ? third : second) as EngineName);
  const work =
    task === 'fill'
      ? fill(engine, Number(first), Number(second))
      : task === 'empty'
        ? empty(engine, Number(first))
        : TASKS[task as keyof typeof TASKS](engine, Number(first));
  const times = await work;
  await engine.close();
  process.stdout.write(JSON.stringify(times));
};

void main();

import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TargetResponse } from '#contracts';
import { inquire, qemuIo } from '#embedded';
import { startSpindleForTests, type SpindleForTests } from '../harness/spindle-for-tests';
import { differences, exportedTargets } from './reboot-facts';
import { isWhole, tell, type Reboot } from './reboot-report';
import { logIn } from './run';
import { untilReady } from './services';

const IMAGE_BYTES = 4 * 2 ** 20;
const CREATES_AT_ONCE = 16;
const LIMIT_MS = 1_800_000;
const ENABLED_SCRIPT = 'cat /sys/kernel/config/target/iscsi/iqn*/tpgt_1/enable 2>/dev/null | grep -c 1; true';

/** A node with so many targets loses its power: what comes back, and when. @returns whether all is as before */
export const rebootNode = async (
  count: number,
  { engine, folder, commit }: { engine: string; folder: string; commit: string },
  say: (line: string) => void,
): Promise<boolean> => {
  if (!Number.isInteger(count) || count < 1) throw new Error('--reboot takes a number of targets');
  const spindle = await startSpindleForTests('reboot', { LIO_ENGINE: engine });
  try {
    const result = { ...(await reboot(spindle, count, say)), commit };
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, engine === 'targetcli' ? `reboot-${count}.json` : `reboot-${engine}-${count}.json`),
      `${JSON.stringify(result, null, 2)}\n`,
    );
    say(tell(result));
    return isWhole(result);
  } finally {
    await spindle.end();
  }
};

/** What runs so far came to, by number of targets. */
export const readReboots = (folder: string): Reboot[] =>
  (existsSync(folder) ? readdirSync(folder) : [])
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Reboot)
    .sort((a, b) => a.targets - b.targets);

const reboot = async (spindle: SpindleForTests, count: number, say: (line: string) => void): Promise<Omit<Reboot, 'commit'>> => {
  const began = Date.now();
  const targets = await createTargets(spindle, count);
  const createSeconds = since(began);
  say(`${count} targets made in ${createSeconds} s`);
  const watched = [targets[0]!, targets[Math.floor(count / 2)]!, targets.at(-1)!];
  for (const [at, target] of watched.entries()) await qemuIo(loginOf(spindle, target), [`write -P ${0x40 + at} 0 1M`]);
  const before = await exportedTargets(spindle);
  if (before.filter(({ enabled, serial }) => enabled && serial).length !== count) throw new Error('not all targets show in configfs');

  const cutAt = Date.now();
  await spindle.rebootLab();
  await untilReady(spindle, 'storage-node-executor');
  const readySeconds = since(cutAt);
  const backSeconds = await untilMetric(spindle, 'spindle_node_restoring', cutAt);
  const enabled = Number((await spindle.lab.exec(ENABLED_SCRIPT)).stdout);
  const savedSeconds = await untilMetric(spindle, 'spindle_node_config_unsaved', cutAt);
  return {
    targets: count,
    createSeconds,
    readySeconds,
    enabled,
    backSeconds,
    restoreSeconds: backSeconds === null ? null : round(backSeconds - readySeconds),
    savedSeconds,
    ...differences(before, await exportedTargets(spindle)),
    active: await activeTargets(spindle),
    outside: await lookFromOutside(spindle, watched),
  };
};

/** As orchestrators do it when a class begins: many requests at once, each waiting for its target. */
const createTargets = async (spindle: SpindleForTests, count: number): Promise<TargetResponse[]> => {
  const wanted = await inLanes(count, async () => ({
    machine_id: (await spindle.machine()).id,
    image_id: (await spindle.image({ bytes: IMAGE_BYTES })).id,
  }));
  const token = await logIn(spindle); // the harness's own ends after fifteen minutes
  const made = await inLanes(count, async (at) => {
    const options = { token, headers: { prefer: 'wait=25' } };
    const answer = await spindle.http<TargetResponse>('POST', 'targets', wanted[at], options);
    if (answer.status >= 300) throw new Error(`target ${at}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  });
  for (const until = Date.now() + LIMIT_MS; (await activeTargets(spindle)) < count; await sleep(500))
    if (Date.now() > until) throw new Error('not all targets became ACTIVE');
  return made;
};

const inLanes = async <T>(count: number, work: (at: number) => Promise<T>): Promise<T[]> => {
  const results: T[] = [];
  const numbers = [...Array(count).keys()].values();
  const lane = async () => {
    for (const at of numbers) results[at] = await work(at);
  };
  await Promise.all(Array.from({ length: CREATES_AT_ONCE }, lane));
  return results;
};

const activeTargets = async (spindle: SpindleForTests): Promise<number> => {
  const [row] = await spindle.sql<{ count: number }>(
    `SELECT count(*)::int AS count FROM targets.targets WHERE status = 'ACTIVE' AND operation IS NULL AND drift IS NULL`,
  );
  return row!.count;
};

/** Asked of the executor, since every look into the lab from here takes time from what it does. Seconds since the power cut, or null. */
const untilMetric = async (spindle: SpindleForTests, metric: string, cutAt: number): Promise<number | null> => {
  const url = `${spindle.endpoints.health_urls['storage-node-executor']}/metrics`;
  for (; Date.now() - cutAt < LIMIT_MS; await sleep(1_000)) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
    if (answer?.ok && new RegExp(`^${metric}\\S* 0$`, 'm').test(await answer.text())) return since(cutAt);
  }
  return null;
};

/** The data of before is there, and a stranger is still refused. */
const lookFromOutside = async (spindle: SpindleForTests, watched: TargetResponse[]): Promise<string[]> => {
  const wrong: string[] = [];
  for (const [at, target] of watched.entries()) {
    const login = loginOf(spindle, target);
    await qemuIo(login, [`read -P ${0x40 + at} 0 1M`]).catch((error: Error) => wrong.push(error.message));
    const stranger = inquire({ ...login, initiator: `${login.initiator}-of-another` });
    await stranger.then(
      () => wrong.push(`a stranger came in at ${target.iqn}`),
      (error: Error) => /Authorization failure/.test(error.message) || wrong.push(error.message),
    );
  }
  return wrong;
};

const loginOf = (spindle: SpindleForTests, { iqn, initiator_iqn }: TargetResponse) => ({
  portal: spindle.lab.portal,
  iqn,
  initiator: initiator_iqn,
});

const round = (seconds: number): number => Math.round(seconds * 10) / 10;
const since = (start: number): number => round((Date.now() - start) / 1_000);

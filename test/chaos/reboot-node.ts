import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TargetResponse } from '#contracts';
import { inquire, qemuIo } from '#embedded';
import { startSpindleForTests, type SpindleForTests } from '../harness/spindle-for-tests';
import { differences, exportedTargets, type Differences } from './reboot-facts';
import { untilReady } from './services';

export interface Reboot extends Differences {
  targets: number;
  commit: string;
  createSeconds: number;
  /** From the power cut, after which the kernel starts at once, until the executor says that it is ready. */
  readySeconds: number;
  /** Until every target is back: from the same moment, and from the executor's being ready. */
  backSeconds: number | null;
  restoreSeconds: number | null;
  /** Until the distribution's configuration is saved again, from the same moment. */
  savedSeconds: number | null;
  /** Targets that Spindle says are ACTIVE and as wished. */
  active: number;
  /** What an initiator saw that it should not. */
  outside: string[];
}

const IMAGE_BYTES = 4 * 2 ** 20;
const CREATES_AT_ONCE = 16;
const BACK_LIMIT_MS = 600_000;
const SAVED_LIMIT_MS = 300_000;
const ENABLED_SCRIPT = 'cat /sys/kernel/config/target/iscsi/iqn*/tpgt_1/enable 2>/dev/null | grep -c 1; true';

/** A node with so many targets loses its power: what comes back, and when. @returns whether all is as before */
export const rebootNode = async (count: number, folder: string, commit: string, say: (line: string) => void): Promise<boolean> => {
  const spindle = await startSpindleForTests('reboot');
  try {
    const result = { ...(await reboot(spindle, count, say)), commit };
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `reboot-${count}.json`), `${JSON.stringify(result, null, 2)}\n`);
    say(tell(result));
    return whole(result);
  } finally {
    await spindle.end();
  }
};

const reboot = async (spindle: SpindleForTests, count: number, say: (line: string) => void): Promise<Omit<Reboot, 'commit'>> => {
  const began = Date.now();
  const targets = await createTargets(spindle, count);
  const createSeconds = since(began);
  say(`${count} targets made in ${createSeconds} s`);
  const watched = [targets[0]!, targets[Math.floor(count / 2)]!, targets.at(-1)!];
  for (const [at, target] of watched.entries()) await qemuIo(loginOf(spindle, target), [`write -P ${0x40 + at} 0 1M`]);
  const before = await exportedTargets(spindle);

  const cutAt = Date.now();
  await spindle.rebootLab();
  const back = untilEnabled(spindle, count, cutAt);
  await untilReady(spindle, 'storage-node-executor');
  const readySeconds = since(cutAt);
  const backSeconds = await back;
  const savedSeconds = await untilSaved(spindle, cutAt);
  return {
    targets: count,
    createSeconds,
    readySeconds,
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
  const made: TargetResponse[] = [];
  const numbers = [...Array(count).keys()].values();
  const lane = async () => {
    for (const at of numbers) {
      const [machine, image] = [await spindle.machine(), await spindle.image({ bytes: IMAGE_BYTES })];
      const body = { machine_id: machine.id, image_id: image.id };
      const answer = await spindle.http<TargetResponse>('POST', 'targets', body, { headers: { prefer: 'wait=25' } });
      if (answer.status >= 300) throw new Error(`target ${at}: ${JSON.stringify(answer.body)}`);
      made.push(answer.body);
    }
  };
  await Promise.all(Array.from({ length: CREATES_AT_ONCE }, lane));
  for (const until = Date.now() + BACK_LIMIT_MS; (await activeTargets(spindle)) < count; await sleep(500))
    if (Date.now() > until) throw new Error('not all targets became ACTIVE');
  return made;
};

const activeTargets = async (spindle: SpindleForTests): Promise<number> => {
  const [row] = await spindle.sql<{ count: number }>(
    `SELECT count(*)::int AS count FROM targets.targets WHERE status = 'ACTIVE' AND operation IS NULL AND drift IS NULL`,
  );
  return row!.count;
};

/** The targets are enabled last, so one that is enabled is whole. Seconds since the power cut, or null. */
const untilEnabled = async (spindle: SpindleForTests, count: number, cutAt: number): Promise<number | null> => {
  for (; Date.now() - cutAt < BACK_LIMIT_MS; await sleep(500))
    if (Number((await spindle.lab.exec(ENABLED_SCRIPT)).stdout) >= count) return since(cutAt);
  return null;
};

const untilSaved = async (spindle: SpindleForTests, cutAt: number): Promise<number | null> => {
  const url = `${spindle.endpoints.health_urls['storage-node-executor']}/metrics`;
  for (const until = Date.now() + SAVED_LIMIT_MS; Date.now() < until; await sleep(500)) {
    const text = await fetch(url, { signal: AbortSignal.timeout(5_000) }).then(
      (answer) => answer.text(),
      () => '',
    );
    if (/^spindle_node_config_unsaved\S* 0$/m.test(text)) return since(cutAt);
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
    await stranger.then(() => wrong.push(`a stranger came in at ${target.iqn}`)).catch(() => undefined);
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

const whole = (result: Reboot): boolean =>
  result.backSeconds !== null &&
  result.active === result.targets &&
  [result.missing, result.extra, result.serials, result.values, result.outside].every(({ length }) => length === 0);

const all = (wrong: string[], count: number): string => (wrong.length === 0 ? `all ${count}` : `${count - wrong.length} of ${count}`);

/** What came of it, in words. */
export const tell = (result: Reboot): string => {
  const { targets, missing, serials, extra, values, outside } = result;
  const wrong = [...missing.map((iqn) => `missing: ${iqn}`), ...extra.map((iqn) => `new: ${iqn}`), ...values, ...outside];
  return [
    `${targets} targets, power cut: back ${all(missing, targets)}, same IQN ${all([...missing, ...extra], targets)}, same unit serial ${all(serials, targets)},`,
    `${values.length} values of configfs other than before, ${result.active} ACTIVE without drift, from outside ${outside.length === 0 ? 'as before' : 'NOT as before'}`,
    `executor ready after ${result.readySeconds} s, all targets back after ${result.backSeconds ?? '-'} s (${result.restoreSeconds ?? '-'} s later), saved after ${result.savedSeconds ?? '-'} s`,
    ...wrong.slice(0, 20).map((line) => `    ${line}`),
  ].join('\n');
};

/** For docs/chaos-report.md. */
export const rebootSection = (results: Reboot[]): string => {
  if (results.length === 0) return '';
  const rows = results.map(
    (result) =>
      `| ${result.targets} | ${all(result.missing, result.targets)} | ${all([...result.missing, ...result.extra], result.targets)} | ` +
      `${all(result.serials, result.targets)} | ${result.values.length} | ${result.readySeconds} | ${result.restoreSeconds ?? '-'} | ${result.backSeconds ?? '-'} | ${result.savedSeconds ?? '-'} |`,
  );
  return `## A node loses its power

\`npm run chaos -- --reboot N\`: N targets, each on a disk of its own, then SIGKILL to the whole storage lab and a new start on the
same disk. Everything that configfs shows of each target is compared with before, three of them are read from outside, and strangers
are turned away. Commit ${results[0]!.commit}, ${cpus().length} CPUs.

| targets | back | same IQN | same unit serial | other values | executor ready s | and all back s | from the power cut s | saved s |
| --: | --: | --: | --: | --: | --: | --: | --: | --: |
${rows.join('\n')}
`;
};

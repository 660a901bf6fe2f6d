import { setTimeout as sleep } from 'node:timers/promises';
import { CRASH_POINTS, type CrashPoint } from '#runtime';
import { EDITS, editByHand, type EditName } from './edits-by-hand';
import { Service, type ServiceName } from './services';
import type { Fault, Strike } from './strike';
import { TARGETCLI_WRAPPER, behave, installWrapper } from './targetcli-wrapper';

const AFTER_TRAFFIC_MS = 12_000;
const BETWEEN_EDITS_MS = 4_000;

const OWNERS: Record<string, ServiceName[]> = {
  gateway: ['gateway'],
  targets: ['targets-service'],
  relay: ['targets-service'],
  executor: ['storage-node-executor'],
  audit: ['audit-service'],
  service: ['targets-service', 'storage-node-executor'],
};

/** The configuration is saved once, when a burst of changes is over: there is no second time. */
const ONCE_A_RUN: CrashPoint[] = ['executor.config-saved', 'executor.saved-file-verified', 'executor.journal-forced'];

/** A head is signed once a minute: too seldom for a run. */
const OFTEN: Partial<Record<CrashPoint, Record<string, string>>> = {
  'audit.checkpoint-signed': { AUDIT_CHECKPOINT_SECONDS: '1' },
  'audit.checkpoint-witnessed': { AUDIT_CHECKPOINT_SECONDS: '1' },
};

/** Dies at the first or second time that the traffic comes by. */
const crash = (point: CrashPoint, name: ServiceName, label: string): Fault => ({
  name: label,
  arm: async ({ spindle, prng, busy }) => {
    const service = await armed(spindle, name, {
      SPINDLE_CRASH_POINT: `${point}:${prng.int(1, ONCE_A_RUN.includes(point) ? 1 : 2)}`,
      ...OFTEN[point],
    });
    return () => untilDead(service, busy);
  },
});

/** Passed only when a target is mended: so somebody changes one by hand until the executor has died of mending it. */
const crashWhileMending = (step: EditName): Fault => ({
  name: `executor.${step}`,
  arm: async (strike) => {
    const { spindle } = strike;
    const service = await armed(spindle, 'storage-node-executor', { SPINDLE_CRASH_POINT: `executor.${step}`, DRIFT_SCAN_MS: '1000' });
    return () => untilDead(service, strike.busy, () => editOne(strike, step));
  },
});

const editOne = async ({ spindle, settled, prng }: Strike, step: EditName): Promise<void> => {
  const [target] = prng.shuffled(await settled());
  if (!target) return;
  await editByHand(spindle, step, target);
  await sleep(BETWEEN_EDITS_MS);
};

/** Passed only when a step fails: targetcli is made to refuse portals for as long as this executor lives. */
const crashWhileUndoing: Fault = {
  name: 'executor.step-undone',
  ofTargetcli: true,
  arm: async ({ spindle, prng, busy }) => {
    await installWrapper(spindle);
    await behave(spindle, 'break /portals create');
    const service = await armed(spindle, 'storage-node-executor', {
      SPINDLE_CRASH_POINT: `executor.step-undone:${prng.int(1, 2)}`,
      TARGETCLI_PATH: TARGETCLI_WRAPPER,
    });
    return () => untilDead(service, busy);
  },
};

const armed = async (spindle: Strike['spindle'], name: ServiceName, env: Record<string, string>): Promise<Service> => {
  const service = new Service(spindle, name);
  await service.kill();
  await service.start(env);
  return service;
};

/** Resolves when it is started again, unarmed: whether it had died by itself. */
const untilDead = async (service: Service, busy: () => boolean, provoke: () => Promise<void> = () => sleep(100)): Promise<boolean> => {
  // the trail and the streams come after the clients have their answers
  for (let until = Infinity; Date.now() < until && (await service.isRunning()); await sleep(100)) {
    if (!busy() && until === Infinity) until = Date.now() + AFTER_TRAFFIC_MS;
    await provoke();
  }
  const died = !(await service.isRunning());
  if (!died) await service.kill();
  await service.start();
  return died;
};

const faultsOf = (point: CrashPoint): Fault[] => {
  const [family, step] = point.split('.') as [string, string];
  if (point === crashWhileUndoing.name) return [crashWhileUndoing];
  if (family === 'executor' && step in EDITS) return [crashWhileMending(step as EditName)];
  const owners = OWNERS[family]!;
  return owners.map((name) => crash(point, name, owners.length > 1 ? `${name}.${step}` : point));
};

export const CRASHES: Fault[] = CRASH_POINTS.flatMap(faultsOf);

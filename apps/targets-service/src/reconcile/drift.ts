import { isDeepStrictEqual } from 'node:util';
import type { EntityManager } from 'typeorm';
import type { Drift, NodeReport } from '#contracts';
import { newId } from '#runtime';
import { SYSTEM } from '../access/caller';
import { changeTarget } from '../targets/change-target';
import type { Target } from '../targets/target.entity';
import { stageOf } from '../targets/target-lifecycle';
import { driftedTargetsOf, lockTarget } from '../targets/target.store';

/** A report names no more than this many. */
const MOST_REPORTED = 100;

/**
 * Takes what a node says of its targets' drift: each change of it is an event, and with the policy `repair` an operation that
 * sends the wish again. What is in the middle of an operation has no drift: it is being changed.
 * @returns how many repairs were begun
 */
export const recordDrift = async (tx: EntityManager, report: NodeReport): Promise<number> => {
  let repairs = 0;
  for (const { target_id, generation, drift } of report.drifted) {
    const target = await lockTarget(tx, target_id);
    if (!target || target.node_id !== report.node_id || target.generation < generation || stageOf(target) !== 'active') continue;
    const repair = report.drift_policy === 'repair';
    if (!repair && isDeepStrictEqual(target.drift, drift)) continue;
    await change(tx, target, repair ? 'drift-to-repair' : 'drift-seen', drift);
    if (repair) repairs++;
  }
  if (report.drift_known && report.drifted.length < MOST_REPORTED) await recordEnd(tx, report);
  return repairs;
};

/** Somebody put it right by hand. */
const recordEnd = async (tx: EntityManager, report: NodeReport): Promise<void> => {
  const still = new Set(report.drifted.map(({ target_id }) => target_id));
  for (const id of await driftedTargetsOf(tx, report.node_id)) {
    if (still.has(id)) continue;
    const target = await lockTarget(tx, id);
    if (target && stageOf(target) === 'active') await change(tx, target, 'drift-gone', null);
  }
};

const change = (tx: EntityManager, target: Target, on: 'drift-to-repair' | 'drift-seen' | 'drift-gone', drift: Drift[] | null) => {
  const action = on === 'drift-gone' ? 'target.repaired' : 'target.drifted';
  return changeTarget(tx, target, on, { drift }, { ...SYSTEM, requestId: newId(), action });
};

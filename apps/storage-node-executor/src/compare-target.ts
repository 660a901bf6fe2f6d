import { Refused, type Comparison, type TargetWish } from '#contracts';
import { CannotApply, desire, mustBePossible, ownershipOf, type ApplyParts } from './apply-target';
import { backstoreName } from './lio/target-names';
import { planAbsent, planPresent, type PlannedStep, type StepName } from './plan-target';
import { driftFrom, leftovers } from './target-drift';

export type CompareParts = Pick<ApplyParts, 'adapter' | 'journal' | 'imageRootIsMount'>;

/** Steps that end the sessions of their target. */
const DISCONNECTING: ReadonlySet<StepName> = new Set(['disable-tpg', 'delete-target', 'delete-acl', 'delete-lun', 'unmap-lun']);

type Found = Pick<Comparison, 'steps' | 'drift'> & { planned: PlannedStep[] };

/** Looks and plans as applying the wish would, and does nothing: it needs no lease, writes no journal and starts no process. */
export const compareTarget = (wish: TargetWish, parts: CompareParts): Comparison => {
  const { adapter, journal } = parts;
  const target = adapter.tree.target(wish.iqn);
  const sessions = target ? Math.max(adapter.tree.sessionCount(wish.iqn), target.sessions.length) : 0;
  const about = {
    target_id: wish.target_id,
    generation: journal.get(wish.target_id)?.wish.generation ?? 0,
    shown: target !== null,
    sessions,
  };
  try {
    const { planned, ...found } = wish.state === 'present' ? comparePresent(wish, parts) : compareAbsent(wish, parts);
    const disconnects = planned.some(({ do: { step } }) => DISCONNECTING.has(step)) ? sessions : 0;
    return { ...about, ...found, disconnects, obstacle: null };
  } catch (error) {
    return { ...about, steps: [], drift: [], disconnects: 0, obstacle: obstacleOf(error) };
  }
};

const comparePresent = (wish: TargetWish, parts: CompareParts): Found => {
  const { adapter, journal } = parts;
  const desired = desire(wish, parts);
  const seen = adapter.getTargetStatus(desired.iqn, desired.backstore);
  ownershipOf(wish, desired.backstore, journal)(seen);
  const planned = planPresent(desired, seen);
  if (planned.length > 0) mustBePossible(wish, desired, seen, parts);
  return { planned, steps: planned.map((one) => one.do.step), drift: driftFrom(desired, seen) };
};

const compareAbsent = (wish: TargetWish, { adapter, journal }: CompareParts): Found => {
  const name = backstoreName(wish.disk.disk_id);
  const isOurs = wish.confirmed || journal.ownsBackstore(name);
  const seen = adapter.getTargetStatus(wish.iqn, isOurs ? name : null);
  ownershipOf(wish, isOurs ? name : null, journal)(seen);
  const planned = planAbsent({ iqn: wish.iqn, backstore: name }, seen);
  return { planned, steps: planned.map((one) => one.do.step), drift: leftovers(wish.iqn, name, seen, isOurs) };
};

/** @throws what is no reason of a wish that cannot be met */
const obstacleOf = (error: unknown): Comparison['obstacle'] => {
  if (error instanceof CannotApply) return { code: error.code, step: error.step };
  if (error instanceof Refused) return { code: error.code, step: 'open-secrets' };
  throw error;
};

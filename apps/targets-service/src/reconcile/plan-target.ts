import { createHash } from 'node:crypto';
import type { Comparison, PlannedTarget, TargetOperation, TargetStatus } from '#contracts';

/** What a record says, as far as a plan needs it. */
export interface Recorded {
  id: string;
  iqn: string;
  status: TargetStatus;
  operation: TargetOperation | null;
  generation: number;
}

/**
 * What would become of one record on its node. Where the node has seen a later wish than the record holds, the record is the older one: its
 * wish would be refused for ever, so it must get a generation above that.
 */
export const planTarget = (record: Recorded, seen: Comparison): PlannedTarget => {
  const { id: target_id, iqn, status, operation, generation } = record;
  const raise_to = seen.generation > generation ? seen.generation + 1 : null;
  const planned = { target_id, iqn, status, operation, generation, raise_to, drift: seen.drift };
  const idle = { ...planned, action: 'leave' as const, steps: [], disconnects: 0, obstacle: null };
  // nobody wishes for it, and nobody asked for its end either
  if (status === 'ERROR' && operation === null) return idle;
  if (isStillToRestart(record, seen))
    return { ...planned, action: 'change', steps: ['restart-target'], disconnects: seen.sessions, obstacle: seen.obstacle?.code ?? null };
  const { steps, disconnects } = seen;
  const obstacle = seen.obstacle?.code ?? null;
  if (steps.length === 0 && obstacle === null) return idle;
  if (operation === 'delete') return { ...planned, action: 'delete', steps, disconnects, obstacle };
  return { ...planned, action: seen.shown ? 'change' : 'create', steps, disconnects, obstacle };
};

/** Asked for and not done. Once the node has seen its second wish, or a later one, it is done. */
const isStillToRestart = ({ operation, generation }: Recorded, seen: Comparison): boolean =>
  operation === 'restart' && seen.shown && seen.generation < generation;

/** Nothing would be done to the target, and its record would stay as it is too. */
export const isAsItShouldBe = ({ action, raise_to }: PlannedTarget): boolean => action === 'leave' && raise_to === null;

export const countPlanned = (targets: PlannedTarget[]) => {
  const count = (action: PlannedTarget['action']) => targets.filter((one) => one.action === action).length;
  return {
    create: count('create'),
    change: count('change'),
    delete: count('delete'),
    leave: count('leave'),
    raise: targets.filter(({ raise_to }) => raise_to !== null).length,
  };
};

/** The same for two plans that would do the same; who is logged in meanwhile makes no other plan. */
export const planName = (targets: PlannedTarget[], adoptable: string[]): string => {
  const told = targets.map(({ target_id, operation, action, generation, raise_to, steps, obstacle }) =>
    JSON.stringify([target_id, operation, action, generation, raise_to, steps, obstacle]),
  );
  return createHash('sha256')
    .update([...told, ...adoptable].join('\n'))
    .digest('base64url')
    .slice(0, 22);
};

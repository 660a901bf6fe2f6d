import type { EventName, TargetOperation, TargetStatus } from '#contracts';

/** Where a target stands: its status, and the operation that runs. `none` is a target that does not exist yet. */
export type Stage = 'none' | 'creating' | 'active' | 'deleting' | 'restarting' | 'repairing' | 'failed' | 'deleted';

export type Trigger =
  | 'create-requested'
  | 'delete-requested'
  | 'restart-requested'
  | 'rotate-requested'
  | 'node-done'
  | 'node-failed'
  | 'node-refused'
  | 'drift-to-repair'
  | 'drift-seen'
  | 'drift-gone'
  | 'plan-accepted';

interface Transition {
  from: Stage;
  on: Trigger;
  to: Stage;
  event: EventName;
  /** Generations the new wish is ahead. A restart is two wishes, absent then present, so that a late copy of the first loses. */
  wishes: 0 | 1 | 2;
}

export const STAGES: Record<Exclude<Stage, 'none'>, { status: TargetStatus; operation: TargetOperation | null }> = {
  creating: { status: 'PENDING', operation: 'create' },
  active: { status: 'ACTIVE', operation: null },
  deleting: { status: 'PENDING', operation: 'delete' },
  restarting: { status: 'PENDING', operation: 'restart' },
  repairing: { status: 'PENDING', operation: 'repair' },
  failed: { status: 'ERROR', operation: null },
  deleted: { status: 'INACTIVE', operation: null },
};

/**
 * Every change of state there is. A delete may overtake what runs, since a node that is away would otherwise hold a machine
 * for ever; a delete that the node cannot do is tried again, so it has no way to fail. `node-refused`: the initiator was
 * logged in and the command said `if_idle`. A repair that the node cannot do is tried again, like a delete. New
 * secrets are a repair with a wish of its own. `plan-accepted` may raise the generation above what the node has seen, by records that a
 * restored database lacks: a restart that they have overtaken is over.
 */
export const TRANSITIONS: readonly Transition[] = [
  { from: 'none', on: 'create-requested', to: 'creating', event: 'target.requested', wishes: 1 },
  { from: 'creating', on: 'node-done', to: 'active', event: 'target.created', wishes: 0 },
  { from: 'creating', on: 'node-failed', to: 'failed', event: 'target.failed', wishes: 0 },
  { from: 'creating', on: 'delete-requested', to: 'deleting', event: 'target.requested', wishes: 1 },
  { from: 'active', on: 'delete-requested', to: 'deleting', event: 'target.requested', wishes: 1 },
  { from: 'active', on: 'restart-requested', to: 'restarting', event: 'target.requested', wishes: 2 },
  { from: 'active', on: 'rotate-requested', to: 'repairing', event: 'target.requested', wishes: 1 },
  { from: 'failed', on: 'delete-requested', to: 'deleting', event: 'target.requested', wishes: 1 },
  { from: 'failed', on: 'restart-requested', to: 'restarting', event: 'target.requested', wishes: 2 },
  { from: 'restarting', on: 'node-done', to: 'active', event: 'target.restarted', wishes: 0 },
  { from: 'restarting', on: 'node-failed', to: 'failed', event: 'target.failed', wishes: 0 },
  { from: 'restarting', on: 'node-refused', to: 'active', event: 'target.failed', wishes: 0 },
  { from: 'restarting', on: 'delete-requested', to: 'deleting', event: 'target.requested', wishes: 1 },
  { from: 'active', on: 'drift-to-repair', to: 'repairing', event: 'target.drifted', wishes: 0 },
  { from: 'active', on: 'drift-seen', to: 'active', event: 'target.drifted', wishes: 0 },
  { from: 'active', on: 'drift-gone', to: 'active', event: 'target.repaired', wishes: 0 },
  { from: 'repairing', on: 'node-done', to: 'active', event: 'target.repaired', wishes: 0 },
  { from: 'repairing', on: 'delete-requested', to: 'deleting', event: 'target.requested', wishes: 1 },
  { from: 'repairing', on: 'restart-requested', to: 'restarting', event: 'target.requested', wishes: 2 },
  { from: 'creating', on: 'plan-accepted', to: 'creating', event: 'target.requested', wishes: 0 },
  { from: 'active', on: 'plan-accepted', to: 'repairing', event: 'target.requested', wishes: 0 },
  { from: 'restarting', on: 'plan-accepted', to: 'repairing', event: 'target.requested', wishes: 0 },
  { from: 'repairing', on: 'plan-accepted', to: 'repairing', event: 'target.requested', wishes: 0 },
  { from: 'deleting', on: 'plan-accepted', to: 'deleting', event: 'target.requested', wishes: 0 },
  { from: 'failed', on: 'plan-accepted', to: 'failed', event: 'target.requested', wishes: 0 },
  { from: 'deleting', on: 'node-done', to: 'deleted', event: 'target.deleted', wishes: 0 },
  { from: 'deleting', on: 'node-refused', to: 'active', event: 'target.failed', wishes: 0 },
];

export const stageOf = (target: { status: TargetStatus; operation: TargetOperation | null }): Stage => {
  const stage = (Object.keys(STAGES) as Exclude<Stage, 'none'>[]).find(
    (name) => STAGES[name].status === target.status && STAGES[name].operation === target.operation,
  );
  if (!stage) throw new Error(`no stage for ${target.status}/${target.operation ?? 'null'}`);
  return stage;
};

/** The transition, or undefined when there is none: what is asked for conflicts with the present state. */
export const transition = (from: Stage, on: Trigger): Transition | undefined =>
  TRANSITIONS.find((candidate) => candidate.from === from && candidate.on === on);

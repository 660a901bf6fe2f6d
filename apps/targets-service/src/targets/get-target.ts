import { Refused, type GetTarget, type GetTargetByMachine, type InputOf, type TargetResponse } from '#contracts';
import { inDatabase } from '#database';
import { findMachine } from '../inventory/machine.store';
import type { Parts } from '../parts';
import { findLiveTargetOfMachine, findNewestTargetOfMachine, findTarget, presentTarget } from './target.store';

/** @throws Refused TARGET_NOT_FOUND; a deleted target is found. */
export const getTarget = async (parts: Parts, { id }: InputOf<typeof GetTarget>): Promise<TargetResponse> => {
  const target = await inDatabase(parts.database, (tx) => findTarget(tx, id));
  if (!target) throw new Refused('TARGET_NOT_FOUND');
  return presentTarget(target);
};

/** The live target of a machine, else the newest one it had. @throws Refused MACHINE_NOT_FOUND, TARGET_NOT_FOUND */
export const getTargetByMachine = (parts: Parts, { machine_id }: InputOf<typeof GetTargetByMachine>): Promise<TargetResponse> =>
  inDatabase(parts.database, async (tx) => {
    const target = (await findLiveTargetOfMachine(tx, machine_id)) ?? (await findNewestTargetOfMachine(tx, machine_id));
    if (target) return presentTarget(target);
    throw new Refused((await findMachine(tx, machine_id)) ? 'TARGET_NOT_FOUND' : 'MACHINE_NOT_FOUND');
  });

import { Refused, type InputOf, type RestartTarget, type TargetResponse } from '#contracts';
import { inTransaction } from '#database';
import { crashPoint } from '#runtime';
import type { Caller } from '../access/caller';
import { lockImage } from '../inventory/image.store';
import { lockMachine } from '../inventory/machine.store';
import type { Parts } from '../parts';
import { changeTarget } from './change-target';
import { refuseIfInUse } from './delete-target';
import { findExportInTheWay, findLiveTargetOfMachine, findTarget, lockTarget } from './target.store';

/**
 * Deletes and recreates a target on its node; IQN, disk and data stay.
 * One that had failed takes its machine and its image again, so both are looked at as for a new one.
 * @throws Refused TARGET_NOT_FOUND, TARGET_DELETED, OPERATION_IN_PROGRESS, TARGET_IN_USE, MACHINE_HAS_TARGET, IMAGE_IN_USE
 */
export const restartTarget = async (parts: Parts, input: InputOf<typeof RestartTarget>, caller: Caller): Promise<TargetResponse> => {
  const accepted = await inTransaction(parts.database, async (tx) => {
    const known = await findTarget(tx, input.id);
    if (!known) throw new Refused('TARGET_NOT_FOUND');
    // Machine, image, target: the order in which create takes them, so that the two cannot wait for each other.
    if (known.status === 'ERROR') {
      await lockMachine(tx, known.machine_id);
      await lockImage(tx, known.image_id, known.read_only ? 'share' : 'update');
    }
    const target = await lockTarget(tx, input.id);
    if (target?.status === 'ERROR') {
      const live = await findLiveTargetOfMachine(tx, target.machine_id);
      if (live) throw new Refused('MACHINE_HAS_TARGET', { resourceId: live.id });
      const inTheWay = await findExportInTheWay(tx, target.image_id, target.read_only, target.id);
      if (inTheWay) throw new Refused('IMAGE_IN_USE', { resourceId: inTheWay.id });
    }
    const change = { if_idle: input.if_idle, last_error: null, disconnected: null };
    return changeTarget(tx, target!, 'restart-requested', change, { ...caller, action: 'targets.restart' });
  });
  crashPoint('targets.committed');
  parts.relay.nudge();
  const done = await parts.operations.runAndWait(accepted, caller.replyBy);
  refuseIfInUse(done);
  return done;
};

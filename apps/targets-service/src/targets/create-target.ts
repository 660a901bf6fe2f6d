import type { CreateTarget, InputOf, TargetResponse } from '#contracts';
import { crashPoint } from '#runtime';
import type { Caller } from '../access/caller';
import type { Parts } from '../parts';

/**
 * Records the wish for a target and has the storage node make it.
 * Resolves with the finished target, ACTIVE or ERROR, or still PENDING after the time that the caller waits.
 * @throws Refused MACHINE_NOT_FOUND, IMAGE_NOT_FOUND, SESSION_NOT_FOUND, SESSION_ENDED, SESSION_OF_OTHER_MACHINE,
 * MACHINE_HAS_TARGET, IMAGE_IN_USE, IMAGE_READ_ONLY, NO_NODE, NODE_CORDONED, NODE_HELD, NODE_KEY_MISSING, RATE_LIMITED
 */
export const createTarget = async (parts: Parts, input: InputOf<typeof CreateTarget>, caller: Caller): Promise<TargetResponse> => {
  const target = await parts.together.creates.do({ input, caller });
  crashPoint('targets.committed');
  parts.relay.nudge();
  return parts.operations.runAndWait(target, caller.replyBy, target);
};

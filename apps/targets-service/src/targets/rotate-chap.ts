import { Refused, type InputOf, type RotateChap, type TargetResponse } from '#contracts';
import { inTransaction } from '#database';
import { crashPoint } from '#runtime';
import type { Caller } from '../access/caller';
import { findNode } from '../inventory/node.store';
import type { Parts } from '../parts';
import { chooseSecrets, keyOf, modeOf } from '../secrets/chap-secrets';
import { changeTarget } from './change-target';
import { lockTarget } from './target.store';

/**
 * Gives a target new CHAP secrets, or CHAP if it had none. The kernel asks for them at the next login; a session that runs goes on.
 * @throws Refused TARGET_NOT_FOUND, TARGET_DELETED, TARGET_NOT_ACTIVE, OPERATION_IN_PROGRESS, NODE_KEY_MISSING
 */
export const rotateChap = async (parts: Parts, input: InputOf<typeof RotateChap>, caller: Caller): Promise<TargetResponse> => {
  const accepted = await inTransaction(parts.database, async (tx) => {
    const target = await lockTarget(tx, input.id);
    if (!target) throw new Refused('TARGET_NOT_FOUND');
    if (target.status === 'ERROR') throw new Refused('TARGET_NOT_ACTIVE', { resourceId: target.id });
    keyOf((await findNode(tx, target.node_id))?.report.sealing_key);
    const secrets = chooseSecrets(input.chap ?? { mutual: target.chap === 'mutual' });
    const change = { last_error: null, chap: modeOf(secrets), chap_version: target.chap_version + 1 };
    const changed = await changeTarget(tx, target, 'rotate-requested', change, { ...caller, action: 'targets.rotate-chap' });
    await parts.chap.keep(tx, changed, secrets);
    return changed;
  });
  crashPoint('targets.committed');
  parts.relay.nudge();
  return parts.operations.runAndWait(accepted, caller.replyBy);
};

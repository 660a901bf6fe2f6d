import type { EntityManager } from 'typeorm';
import { InspectTargetReply, Refused, type AdoptTarget, type InputOf, type TargetResponse } from '#contracts';
import { inDatabase, inOneGo, inTransaction } from '#database';
import { crashPoint } from '#runtime';
import type { Caller } from '../access/caller';
import { lockImage } from '../inventory/image.store';
import { lockMachineOfInitiator } from '../inventory/machine.store';
import type { StorageNode } from '../inventory/node.entity';
import { findNode, readingPlaces, refuseIfHeld, type Place } from '../inventory/node.store';
import type { Parts } from '../parts';
import { askNode } from '../reconcile/ask-node';
import { BOOT_LUN, objectionTo, readClaim, type Claim, type Objection } from './adoption';
import { addTargets } from './change-target';
import { newTarget } from './new-target';
import type { Target } from './target.entity';
import { findExportInTheWay, findLiveTargetOfMachine, findTarget } from './target.store';

/**
 * Takes over a target that a node shows and no record knows, by a wish for what is there already: the node then finds nothing to
 * do, or what differs as in any drift. Nothing is touched before the record is committed.
 * @throws Refused NODE_NOT_FOUND, NODE_OFFLINE, NOT_ADOPTABLE, TARGET_DELETED
 */
export const adoptTarget = async (parts: Parts, { id, iqn }: InputOf<typeof AdoptTarget>, caller: Caller): Promise<TargetResponse> => {
  const node = await inDatabase(parts.database, (tx) => findNode(tx, id));
  if (!node) throw new Refused('NODE_NOT_FOUND');
  const inspected = await askNode(parts, id, 'inspect-target', { iqn }, InspectTargetReply, {
    requestId: caller.requestId,
    timeoutMs: parts.settings.NODE_REQUEST_TIMEOUT_MS,
  });
  const read = readClaim(parts.settings.ISCSI_TARGET_PREFIX, iqn, inspected.target);
  if ('objection' in read) throw refusal(read.objection);
  // higher than any wish that the node has seen, which may be one of a record that was lost
  const generation = inspected.generation + 1;
  const target = await inTransaction(parts.database, (tx) => recordClaim(tx, iqn, read.claim, generation, node, caller));
  crashPoint('targets.committed');
  parts.relay.nudge();
  return parts.operations.runAndWait(target, caller.replyBy);
};

const recordClaim = async (
  tx: EntityManager,
  iqn: string,
  claim: Claim,
  generation: number,
  node: StorageNode,
  caller: Caller,
): Promise<Target> => {
  // in the order of a create, so that neither waits for the other for ever
  const machine = await lockMachineOfInitiator(tx, claim.initiatorIqn);
  const image = await lockImage(tx, claim.diskId, claim.readOnly ? 'share' : 'update');
  const target = await findTarget(tx, claim.targetId);
  if (target?.status === 'INACTIVE') throw new Refused('TARGET_DELETED', { resourceId: target.id });
  const objection = objectionTo(claim, {
    target,
    machine,
    targetOfMachine: machine && (await findLiveTargetOfMachine(tx, machine.id)),
    image,
    imageIsOnNode:
      image !== null &&
      ((await inOneGo(tx, [readingPlaces([image.id])]))[0] as Place[]).some(
        ({ id, is_home }) => id === node.id && (is_home || claim.readOnly),
      ),
    exportInTheWay: image && (await findExportInTheWay(tx, image.id, claim.readOnly)),
  });
  if (objection) throw refusal(objection);
  const decided = {
    id: claim.targetId,
    iqn,
    generation,
    session_id: null,
    initiator_iqn: claim.initiatorIqn,
    lun: BOOT_LUN,
    read_only: claim.readOnly,
    chap: 'none' as const,
    confirmed: true,
  };
  const adopted = newTarget(decided, machine!, image!, node, caller);
  await refuseIfHeld(tx, node.id);
  await addTargets(tx, [{ target: adopted, cause: { ...caller, action: 'nodes.adopt' } }]);
  return adopted;
};

const refusal = ({ hint, resourceId }: Objection): Refused => new Refused('NOT_ADOPTABLE', { hint, resourceId });

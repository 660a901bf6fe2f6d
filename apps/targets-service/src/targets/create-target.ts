import type { EntityManager } from 'typeorm';
import { Refused, type ChapMode, type CreateTarget, type InputOf, type TargetResponse } from '#contracts';
import { inTransaction } from '#database';
import { crashPoint, newId } from '#runtime';
import type { Caller } from '../access/caller';
import type { Image } from '../inventory/image.entity';
import { lockImage } from '../inventory/image.store';
import { lockMachine } from '../inventory/machine.store';
import type { StorageNode } from '../inventory/node.entity';
import { nodesWithImage } from '../inventory/node.store';
import { findSession } from '../inventory/session.store';
import type { Parts } from '../parts';
import { chooseSecrets, keyOf, modeOf, type Secrets } from '../secrets/chap-secrets';
import { BOOT_LUN } from './adoption';
import { addTarget } from './change-target';
import { newTarget } from './new-target';
import type { Target } from './target.entity';
import { findExportInTheWay, findLiveTargetOfMachine } from './target.store';

type Input = InputOf<typeof CreateTarget>;

/**
 * Records the wish for a target and has the storage node make it.
 * Resolves with the finished target, ACTIVE or ERROR, or still PENDING after the time that the caller waits.
 * @throws Refused MACHINE_NOT_FOUND, IMAGE_NOT_FOUND, SESSION_NOT_FOUND, SESSION_ENDED, SESSION_OF_OTHER_MACHINE,
 * MACHINE_HAS_TARGET, IMAGE_IN_USE, IMAGE_READ_ONLY, NO_NODE, NODE_CORDONED, NODE_HELD, NODE_KEY_MISSING
 */
export const createTarget = async (parts: Parts, input: Input, caller: Caller): Promise<TargetResponse> => {
  const target = await inTransaction(parts.database, (tx) => recordWish(tx, parts, input, caller));
  crashPoint('targets.committed');
  parts.relay.nudge();
  return parts.operations.runAndWait(target, caller.replyBy);
};

const recordWish = async (tx: EntityManager, parts: Parts, input: Input, caller: Caller): Promise<Target> => {
  const machine = await lockMachine(tx, input.machine_id);
  if (!machine) throw new Refused('MACHINE_NOT_FOUND');
  const live = await findLiveTargetOfMachine(tx, machine.id);
  if (live) throw new Refused('MACHINE_HAS_TARGET', { resourceId: live.id, hint: `It is ${live.status}.` });
  const image = await lockImage(tx, input.image_id, input.read_only === false ? 'update' : 'share');
  if (!image) throw new Refused('IMAGE_NOT_FOUND');
  const readOnly = await exportMode(tx, image, input.read_only);
  if (input.session_id) await checkSession(tx, input.session_id, machine.id);
  const node = await chooseNode(tx, image, readOnly);
  const secrets = secretsFor(input, parts.settings.CHAP_DEFAULT);
  if (secrets) keyOf(node);
  const id = newId();
  const decided = {
    id,
    iqn: `${parts.settings.ISCSI_TARGET_PREFIX}:${id}`,
    generation: 1,
    session_id: input.session_id ?? null,
    initiator_iqn: input.initiator_iqn ?? machine.initiator_iqn,
    lun: BOOT_LUN,
    read_only: readOnly,
    chap: secrets ? modeOf(secrets) : ('none' as const),
    confirmed: false,
  };
  const target = await addTarget(tx, newTarget(decided, machine, image, node, caller), { ...caller, action: 'targets.create' });
  if (secrets) await parts.chap.keep(tx, target, secrets);
  return target;
};

const secretsFor = ({ chap }: Input, usual: ChapMode): Secrets | null => {
  if (chap) return chooseSecrets(chap);
  return usual === 'none' ? null : chooseSecrets({ mutual: usual === 'mutual' });
};

/** A writable export excludes every other one of the image; the lock on its row keeps two from being granted at once. */
const exportMode = async (tx: EntityManager, image: Image, asked: boolean | undefined): Promise<boolean> => {
  if (asked === false && image.read_only) throw new Refused('IMAGE_READ_ONLY');
  const readOnly = asked ?? image.read_only;
  if (!readOnly) await lockImage(tx, image.id, 'update');
  const inTheWay = await findExportInTheWay(tx, image.id, readOnly);
  if (inTheWay) throw new Refused('IMAGE_IN_USE', { resourceId: inTheWay.id });
  return readOnly;
};

const checkSession = async (tx: EntityManager, id: string, machineId: string): Promise<void> => {
  const session = await findSession(tx, id);
  if (!session) throw new Refused('SESSION_NOT_FOUND');
  if (session.machine_id !== machineId) throw new Refused('SESSION_OF_OTHER_MACHINE');
  if (session.ended_at) throw new Refused('SESSION_ENDED');
};

const chooseNode = async (tx: EntityManager, image: Image, readOnly: boolean): Promise<StorageNode> => {
  const [node] = await nodesWithImage(tx, image.id, readOnly);
  if (!node) throw new Refused('NO_NODE');
  if (node.held_at) throw new Refused('NODE_HELD');
  if (node.cordoned) throw new Refused('NODE_CORDONED');
  return node;
};

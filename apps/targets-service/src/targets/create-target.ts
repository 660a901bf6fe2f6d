import type { EntityManager } from 'typeorm';
import { Refused, type InputOf, type TargetResponse, type CreateTarget } from '#contracts';
import { inTransaction } from '#database';
import { crashPoint, newId } from '#runtime';
import type { Caller } from '../access/caller';
import type { Image } from '../inventory/image.entity';
import { lockImage } from '../inventory/image.store';
import type { Machine } from '../inventory/machine.entity';
import { lockMachine } from '../inventory/machine.store';
import { findSession } from '../inventory/session.store';
import { nodesWithImage } from '../inventory/node.store';
import type { Parts } from '../parts';
import { addTarget } from './change-target';
import { Target } from './target.entity';
import { findExportInTheWay, findLiveTargetOfMachine } from './target.store';

type Input = InputOf<typeof CreateTarget>;

/** LUN 0 only: it is what firmware boots from. */
const BOOT_LUN = 0;

/**
 * Records the wish for a target and has the storage node make it.
 * Resolves with the finished target, ACTIVE or ERROR, or still PENDING after the time that the caller waits.
 * @throws Refused MACHINE_NOT_FOUND, IMAGE_NOT_FOUND, SESSION_NOT_FOUND, SESSION_ENDED, SESSION_OF_OTHER_MACHINE,
 * MACHINE_HAS_TARGET, IMAGE_IN_USE, IMAGE_READ_ONLY, NO_NODE, NODE_CORDONED
 */
export const createTarget = async (parts: Parts, input: Input, caller: Caller): Promise<TargetResponse> => {
  const target = await inTransaction(parts.database, (tx) => recordWish(tx, parts.settings.ISCSI_TARGET_PREFIX, input, caller));
  crashPoint('targets.committed');
  parts.relay.nudge();
  return parts.operations.runAndWait(target, caller.replyBy);
};

const recordWish = async (tx: EntityManager, prefix: string, input: Input, caller: Caller): Promise<Target> => {
  const machine = await lockMachine(tx, input.machine_id);
  if (!machine) throw new Refused('MACHINE_NOT_FOUND');
  const live = await findLiveTargetOfMachine(tx, machine.id);
  if (live) throw new Refused('MACHINE_HAS_TARGET', { resourceId: live.id, hint: `It is ${live.status}.` });
  const image = await lockImage(tx, input.image_id, input.read_only === false ? 'update' : 'share');
  if (!image) throw new Refused('IMAGE_NOT_FOUND');
  const readOnly = await exportMode(tx, image, input.read_only);
  if (input.session_id) await checkSession(tx, input.session_id, machine.id);
  return addTarget(tx, await newTarget(tx, prefix, input, machine, image, readOnly, caller), { ...caller, action: 'targets.create' });
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

const newTarget = async (
  tx: EntityManager,
  prefix: string,
  input: Input,
  machine: Machine,
  image: Image,
  readOnly: boolean,
  caller: Caller,
): Promise<Target> => {
  const [node] = await nodesWithImage(tx, image.id, readOnly);
  if (!node) throw new Refused('NO_NODE');
  if (node.cordoned) throw new Refused('NODE_CORDONED');
  const id = newId();
  const now = new Date();
  return Object.assign(new Target(), {
    id,
    iqn: `${prefix}:${id}`,
    status: 'PENDING',
    operation: 'create',
    generation: 1,
    machine_id: machine.id,
    image_id: image.id,
    session_id: input.session_id ?? null,
    node_id: node.id,
    initiator_iqn: input.initiator_iqn ?? machine.initiator_iqn,
    portal_address: node.portal_address,
    portal_port: node.portal_port,
    lun: BOOT_LUN,
    read_only: readOnly,
    disk_id: image.id,
    image_file: image.file,
    size_bytes: image.size_bytes,
    created_by: caller.actor,
    created_at: now,
    updated_at: now,
    deleted_at: null,
    last_error: null,
    drift: null,
    confirmed: false,
    disconnected: null,
    if_idle: false,
    operation_by: caller.actor,
    operation_request_id: caller.requestId,
    attempts: 0,
    next_attempt_at: now,
  } satisfies Omit<Target, 'version'>);
};

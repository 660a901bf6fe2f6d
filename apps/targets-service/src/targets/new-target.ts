import type { Caller } from '../access/caller';
import type { Image } from '../inventory/image.entity';
import type { Machine } from '../inventory/machine.entity';
import type { StorageNode } from '../inventory/node.entity';
import { Target } from './target.entity';

/** What is decided about a target before its row appears. */
type Decided = Pick<Target, 'id' | 'iqn' | 'generation' | 'session_id' | 'initiator_iqn' | 'lun' | 'read_only' | 'chap' | 'confirmed'>;

/** The row of a target as its first transition leaves it. */
export const newTarget = (
  decided: Decided,
  machine: Machine,
  image: Image,
  node: Pick<StorageNode, 'id' | 'portal_address' | 'portal_port'>,
  caller: Caller,
): Target => {
  const now = new Date();
  return Object.assign(new Target(), {
    ...decided,
    status: 'PENDING',
    operation: 'create',
    machine_id: machine.id,
    image_id: image.id,
    chap_version: decided.chap === 'none' ? 0 : 1,
    node_id: node.id,
    portal_address: node.portal_address,
    portal_port: node.portal_port,
    disk_id: image.id,
    image_file: image.file,
    size_bytes: image.size_bytes,
    created_by: caller.actor,
    created_at: now,
    updated_at: now,
    deleted_at: null,
    last_error: null,
    drift: null,
    disconnected: null,
    if_idle: false,
    operation_by: caller.actor,
    operation_request_id: caller.requestId,
    attempts: 0,
    next_attempt_at: null,
    version: 1,
  } satisfies Target);
};

import type { TargetWish } from '#contracts';
import type { Target } from '../targets/target.entity';

type Chap = TargetWish['chap'];

const wish = (target: Target, chap: Chap, state: TargetWish['state'], generation: number, ifIdle: boolean): TargetWish => ({
  target_id: target.id,
  generation,
  state,
  iqn: target.iqn,
  initiator_iqn: target.initiator_iqn,
  lun: target.lun,
  disk: { disk_id: target.disk_id, image_file: target.image_file, size_bytes: target.size_bytes, read_only: target.read_only },
  if_idle: ifIdle,
  confirmed: target.confirmed,
  chap: state === 'present' ? chap : null,
});

/**
 * What should be on the node in the end.
 * @param chap its secrets, sealed for the node
 */
export const currentWish = (target: Target, chap: Chap): TargetWish => {
  const gone = target.operation === 'delete' || target.status === 'INACTIVE' || target.status === 'ERROR';
  return wish(target, chap, gone ? 'absent' : 'present', target.generation, target.operation === 'delete' && target.if_idle);
};

/**
 * The wishes that finish the running operation, in order. A restart is an absence and then a presence of a higher
 * generation, so that a late copy of the first cannot undo the second.
 */
export const wishesOf = (target: Target, chap: Chap): TargetWish[] => {
  switch (target.operation) {
    case 'delete':
      return [wish(target, null, 'absent', target.generation, target.if_idle)];
    case 'restart':
      return [wish(target, null, 'absent', target.generation - 1, target.if_idle), wish(target, chap, 'present', target.generation, false)];
    case 'create':
    case 'repair':
      return [wish(target, chap, 'present', target.generation, false)];
    case null:
      return [];
  }
};

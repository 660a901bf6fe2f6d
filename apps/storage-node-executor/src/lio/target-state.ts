import type { Portal, TargetWish } from '#contracts';
import { backstoreName, imagePath, iqnToken, portalToken, unitSerial } from './target-names';

/** What configfs shows of a fileio backstore. */
export interface SeenBackstore {
  name: string;
  /** False: a folder without a device, left by a process that was killed while it made one. */
  configured: boolean;
  file: string | null;
  sizeBytes: number | null;
  /** O_DSYNC: an acknowledged write is on the disk of the node. */
  writeThrough: boolean;
  serial: string | null;
  attributes: Record<string, string>;
  /** The kernel's own count of LUNs over all fabrics is not zero (target_core_transport.c, transport_dump_dev_state). */
  exported: boolean;
}

export interface SeenMappedLun {
  lun: number;
  /** The LUN of the TPG that it shows, null for a broken link. */
  tpgLun: number | null;
  readOnly: boolean;
}

export interface SeenAcl {
  initiatorIqn: string;
  /** Without those that the kernel does not have. */
  attributes: Record<string, string>;
  luns: SeenMappedLun[];
}

export interface SeenSession {
  initiatorIqn: string;
  address: string | null;
  state: string;
}

/** What configfs shows of a target and its TPG 1. */
export interface SeenTarget {
  iqn: string;
  enabled: boolean;
  attributes: Record<string, string>;
  portals: Portal[];
  luns: { lun: number; backstore: string | null }[];
  acls: SeenAcl[];
  sessions: SeenSession[];
  /** Tags of TPGs beside the one we make. */
  otherTpgs: number[];
}

export interface Seen {
  target: SeenTarget | null;
  backstore: SeenBackstore | null;
}

/** What a node adds to a wish. */
export interface NodeFacts {
  portal: Portal;
  imageRoot: string;
}

/** A wish in LIO's words. */
export interface DesiredTarget {
  iqn: string;
  initiatorIqn: string;
  lun: number;
  readOnly: boolean;
  portal: Portal;
  backstore: string;
  file: string;
  sizeBytes: number;
  serial: string;
}

/**
 * Closed against every initiator without an ACL. `demo_mode_discovery` is 1 by default, which shows a target's name to anybody;
 * `authentication` is 0 because CHAP secrets do not exist yet: the ACL alone admits.
 */
export const TPG_ATTRIBUTES: Record<string, string> = {
  authentication: '0',
  generate_node_acls: '0',
  demo_mode_discovery: '0',
  demo_mode_write_protect: '1',
  cache_dynamic_acls: '0',
  prod_mode_write_protect: '0',
};

/**
 * -1 is as the TPG says, else the ACL overrides it (iscsi_target_nodeattrib.c): with 1 our initiator is shut out, with 0 it would
 * get in without the secret that the TPG asks for. Kernels before 5.19 do not have it.
 */
export const ACL_ATTRIBUTES: Record<string, string> = { authentication: '-1' };

/** Must agree with `write_back=false`: an initiator that is told of a write cache would rely on flushing it. */
export const BACKSTORE_ATTRIBUTES: Record<string, string> = { emulate_write_cache: '0' };

/** @throws UnsafeName when a part of the wish cannot be carried by targetcli. */
export const desiredTarget = (wish: TargetWish, facts: NodeFacts): DesiredTarget => ({
  iqn: iqnToken(wish.iqn),
  initiatorIqn: iqnToken(wish.initiator_iqn),
  lun: wish.lun,
  readOnly: wish.disk.read_only,
  portal: portalToken(facts.portal),
  backstore: backstoreName(wish.disk.disk_id),
  file: imagePath(facts.imageRoot, wish.disk.image_file),
  sizeBytes: wish.disk.size_bytes,
  serial: unitSerial(wish.disk.disk_id),
});

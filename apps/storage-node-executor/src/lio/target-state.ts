import type { Portal, TargetWish } from '#contracts';
import { CannotOpenSecrets, type ChapCredentials } from './chap-credentials';
import { backstoreName, imagePath, iqnToken, portalToken, unitSerial } from './target-names';
import type { Values } from './wished-values';

/** What configfs shows of a fileio backstore. */
export interface SeenBackstore {
  name: string;
  /** False: a folder without a device, left by a process that was killed while it made one. */
  configured: boolean;
  file: string | null;
  /** Only a note beside it, but targetcli compares new files with it, and saves it. */
  udevPath: string | null;
  sizeBytes: number | null;
  /** O_DSYNC: an acknowledged write is on the disk of the node. */
  writeThrough: boolean;
  serial: string | null;
  attributes: Values;
  /** ALUA's, of all that reach it by the group that the kernel made: 0 is active, others answer commands with an error. */
  accessState: string | null;
  /** The kernel's own count of LUNs over all fabrics is not zero (target_core_transport.c, transport_dump_dev_state). */
  exported: boolean;
}

export interface SeenLun {
  lun: number;
  /** With its plug-in before it when that is not fileio, null for a broken link. */
  backstore: string | null;
  /** Where ALUA was told to lead initiators elsewhere: the name of another group, or `offline`. */
  path: string | null;
}

export interface SeenMappedLun {
  lun: number;
  /** The LUN of the TPG that it shows, null for a broken link. */
  tpgLun: number | null;
  readOnly: boolean;
}

export interface SeenAcl {
  initiatorIqn: string;
  attributes: Values;
  queueDepth: string | null;
  /** Takes the place of the initiator's name in targetcli's paths. */
  tag: string | null;
  /** Which of CHAP's names, `userid` and `userid_mutual`, are set. */
  secrets: string[];
  /** Of all that CHAP has, names and passwords: see chap-credentials.ts. */
  chap: string;
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
  /** False: a target without our TPG, so that nothing below can be there. */
  hasTpg: boolean;
  enabled: boolean;
  attributes: Values;
  parameters: Values;
  portals: Portal[];
  luns: SeenLun[];
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
  /** Opens the secrets of a wish, null where it has none; a node without a key cannot have targets with CHAP. */
  openChap?: (wish: TargetWish) => ChapCredentials | null;
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
  /** Null: the ACL alone admits. */
  chap: ChapCredentials | null;
}

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
  chap: wish.chap ? credentialsOf(wish, facts) : null,
});

const credentialsOf = (wish: TargetWish, { openChap }: NodeFacts): ChapCredentials | null => {
  if (!openChap) throw new CannotOpenSecrets('the node has no key');
  return openChap(wish);
};

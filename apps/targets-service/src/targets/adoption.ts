import { Id, type InspectedTarget } from '#contracts';

/** LUN 0 only: it is what firmware boots from. */
export const BOOT_LUN = 0;

/** What a target that no record knows says of itself, by its names and links. */
export interface Claim {
  targetId: string;
  initiatorIqn: string;
  diskId: string;
  readOnly: boolean;
  file: string | null;
  sizeBytes: number | null;
}

/** What the records have under the names of a claim. */
export interface Records {
  target: { id: string; status: string } | null;
  machine: { id: string } | null;
  /** The live target of the machine. */
  targetOfMachine: { id: string } | null;
  image: { file: string; size_bytes: number; read_only: boolean } | null;
  imageIsOnNode: boolean;
  /** A live target that excludes this export of the image. */
  exportInTheWay: { id: string } | null;
}

export interface Objection {
  hint: string;
  /** The object in the way. */
  resourceId?: string;
}

const no = (hint: string, resourceId?: string): Objection => ({ hint, resourceId });

/** A name that Spindle would give: whoever made what has it. */
export const isOurName = (prefix: string, iqn: string): boolean =>
  iqn.startsWith(`${prefix}:`) && Id.safeParse(iqn.slice(prefix.length + 1)).success;

/**
 * Reads a target as one that Spindle made, or says in what it is none. It must be whole, and what cannot be changed under a
 * machine that is logged in must be right: the reconciliation that follows would make the target anew for it.
 */
export const readClaim = (prefix: string, iqn: string, seen: InspectedTarget | null): { claim: Claim } | { objection: Objection } => {
  const object = (hint: string) => ({ objection: no(hint) });
  const targetId = iqn.slice(prefix.length + 1);
  if (!isOurName(prefix, iqn)) return object('Its name is not the prefix of this installation with a UUID.');
  if (!seen) return object('The node shows no target of this name.');
  if (seen.asks_for_secrets) return object('It asks for CHAP secrets, which no record has.');
  if (seen.other_tpgs.length > 0) return object('It has another TPG beside TPG 1.');
  if (!seen.portal_is_ours) return object('It does not listen where targets of this node do, or not only there.');

  const [lun, secondLun] = seen.luns;
  if (!lun || secondLun || lun.lun !== BOOT_LUN) return object(`It has not exactly one LUN, number ${BOOT_LUN}.`);
  const diskId = (lun.backstore ?? '').replace(/^spindle-/, '');
  if (lun.backstore !== `spindle-${diskId}` || !Id.safeParse(diskId).success)
    return object('Its backstore is not named spindle- and a UUID.');
  if (lun.serial !== diskId) return object('The serial of its backstore is not the id in its name.');
  if (!lun.made_as_ours) return object('Its backstore has another write mode or write cache.');

  const [acl, secondAcl] = seen.acls;
  if (!acl || secondAcl) return object('It has not exactly one ACL.');
  const [mapped, secondMapped] = acl.luns;
  if (!mapped || secondMapped || mapped.lun !== BOOT_LUN || mapped.tpg_lun !== BOOT_LUN)
    return object(`Its ACL does not show LUN ${BOOT_LUN} and nothing else.`);
  return {
    claim: {
      targetId,
      initiatorIqn: acl.initiator_iqn,
      diskId,
      readOnly: mapped.read_only,
      file: lun.file,
      sizeBytes: lun.size_bytes,
    },
  };
};

/** What the records have against a claim; null when the target may be ours. The rules are those of a create. */
export const objectionTo = (claim: Claim, records: Records): Objection | null => {
  const { target, machine, targetOfMachine, image, exportInTheWay } = records;
  if (target) return no(`Spindle has this target already: it is ${target.status}.`, target.id);
  if (!machine) return no('No machine is registered with the initiator of its ACL.');
  if (targetOfMachine) return no('The machine of its ACL has another live target.', targetOfMachine.id);
  if (!image) return no('No image is registered with the id in the name of its backstore.');
  if (claim.file !== image.file) return no('Its backstore is not on the file of that image.');
  if (claim.sizeBytes !== image.size_bytes) return no('Its backstore has another size than that image.');
  if (!records.imageIsOnNode) return no('That image is not registered as being on this node.');
  if (image.read_only && !claim.readOnly) return no('It may be written, and that image is read-only.');
  if (exportInTheWay) return no('Another live target exports that image in a way that excludes it.', exportInTheWay.id);
  return null;
};

import type { InspectTargetReply, InspectedTarget } from '#contracts';
import type { Journal } from './journal';
import { fileUnder } from './lio/target-names';
import type { SeenTarget } from './lio/target-state';
import { BACKSTORE_ATTRIBUTES } from './lio/wished-values';
import type { TargetcliAdapter } from './lio/targetcli.adapter';

type InspectedLun = InspectedTarget['luns'][number];

/** Looks at a target that may be anybody's. It reads only; whether it may be adopted is decided by targets-service. */
export const inspectTarget = (iqn: string, adapter: TargetcliAdapter, journal: Journal): InspectTargetReply => {
  const target = adapter.tree.target(iqn);
  return { target: target && describe(target, adapter), generation: journal.byName(iqn)?.wish.generation ?? 0 };
};

const describe = (target: SeenTarget, adapter: TargetcliAdapter): InspectedTarget => {
  const { address, port } = adapter.settings.portal;
  return {
    other_tpgs: target.otherTpgs,
    asks_for_secrets: target.attributes.authentication === '1' || target.acls.some(({ secrets }) => secrets.length > 0),
    portal_is_ours: target.portals.length === 1 && target.portals[0]!.address === address && target.portals[0]!.port === port,
    luns: target.luns.map(({ lun, backstore }) => describeLun(lun, backstore, adapter)),
    acls: target.acls.map(({ initiatorIqn, luns }) => ({
      initiator_iqn: initiatorIqn,
      luns: luns.map(({ lun, tpgLun, readOnly }) => ({ lun, tpg_lun: tpgLun, read_only: readOnly })),
    })),
  };
};

const describeLun = (lun: number, name: string | null, { tree, settings }: TargetcliAdapter): InspectedLun => {
  const seen = name === null ? null : tree.backstore(name);
  // a name is unique within a plug-in only: one that no LUN shows is not the one behind this LUN
  if (!seen?.exported) return { lun, backstore: name, file: null, size_bytes: null, serial: null, made_as_ours: false };
  return {
    lun,
    backstore: name,
    file: seen.file === null ? null : fileUnder(settings.imageRoot, seen.file),
    size_bytes: seen.sizeBytes,
    serial: seen.serial,
    made_as_ours: seen.writeThrough && Object.entries(BACKSTORE_ATTRIBUTES.set).every(([key, value]) => seen.attributes[key] === value),
  };
};

import type { Portal } from '#contracts';
import type { ChapCredentials } from './lio/chap-credentials';
import type { DesiredTarget, Seen, SeenAcl, SeenBackstore, SeenTarget } from './lio/target-state';
import {
  ACL_ATTRIBUTES,
  BACKSTORE_ATTRIBUTES,
  FIXED_BY_EXPORT,
  QUEUE_DEPTH,
  differing,
  tpgAttributes,
  tpgParameters,
  type Values,
} from './lio/wished-values';

/** One change of the kernel's state; its name is what errors and events call the step. */
export type Step =
  | { step: 'create-backstore'; backstore: string; file: string; sizeBytes: number; serial: string }
  | { step: 'set-backstore-attributes'; backstore: string; attributes: Values }
  | { step: 'set-access-state'; backstore: string; state: string }
  | { step: 'create-target'; iqn: string }
  | { step: 'set-tpg-attributes'; iqn: string; attributes: Values }
  | { step: 'set-tpg-parameters'; iqn: string; parameters: Values }
  | { step: 'create-lun'; iqn: string; lun: number; backstore: string }
  | { step: 'create-acl'; iqn: string; initiatorIqn: string }
  | { step: 'untag-acl'; iqn: string; initiatorIqn: string }
  | { step: 'clear-acl-secrets'; iqn: string; initiatorIqn: string; secrets: string[] }
  | { step: 'set-acl-secrets'; iqn: string; initiatorIqn: string; chap: ChapCredentials }
  | { step: 'set-acl-attributes'; iqn: string; initiatorIqn: string; attributes: Values }
  | { step: 'map-lun'; iqn: string; initiatorIqn: string; lun: number; tpgLun: number; readOnly: boolean }
  | { step: 'create-portal'; iqn: string; portal: Portal }
  | { step: 'enable-tpg'; iqn: string }
  | { step: 'disable-tpg'; iqn: string }
  | { step: 'unmap-lun'; iqn: string; initiatorIqn: string; lun: number }
  | { step: 'delete-acl'; iqn: string; initiatorIqn: string }
  | { step: 'delete-lun'; iqn: string; lun: number }
  | { step: 'delete-portal'; iqn: string; portal: Portal }
  | { step: 'delete-tpg'; iqn: string; tag: number }
  | { step: 'delete-target'; iqn: string }
  /** Does nothing while any LUN of any fabric shows the backstore: rtslib would delete those LUNs with it. */
  | { step: 'delete-unused-backstore'; backstore: string };

export type StepName = Step['step'];

export interface PlannedStep {
  do: Step;
  /** Null where nothing needs to be taken back, or nothing can be: what a wish does not hold is not brought back. */
  undo: Step | null;
}

const samePortal = (a: Portal, b: Portal): boolean => a.address === b.address && a.port === b.port;

const isEmpty = (values: Values): boolean => Object.keys(values).length === 0;

const asFound = (changed: Values, found: Values): Values =>
  Object.fromEntries(Object.keys(changed).map((name) => [name, found[name] ?? '0']));

/** True when the backstore cannot be mended in place: the kernel takes file, size, serial and block size only before export. */
export const mustBeRemade = (desired: DesiredTarget, { backstore }: Seen): boolean =>
  backstore !== null &&
  (!backstore.configured ||
    backstore.file !== desired.file ||
    backstore.udevPath !== desired.file ||
    backstore.sizeBytes !== desired.sizeBytes ||
    backstore.serial !== desired.serial ||
    !backstore.writeThrough ||
    FIXED_BY_EXPORT.some((name) => name in differing(BACKSTORE_ATTRIBUTES, backstore.attributes)));

/** What can be changed while initiators use the disk. */
const mendBackstore = (backstore: SeenBackstore): PlannedStep[] => {
  const { name, accessState } = backstore;
  const attributes = differing(BACKSTORE_ATTRIBUTES, backstore.attributes);
  const steps: PlannedStep[] = [];
  if (!isEmpty(attributes))
    steps.push({
      do: { step: 'set-backstore-attributes', backstore: name, attributes },
      undo: { step: 'set-backstore-attributes', backstore: name, attributes: asFound(attributes, backstore.attributes) },
    });
  if (accessState !== null && accessState !== '0')
    steps.push({
      do: { step: 'set-access-state', backstore: name, state: '0' },
      undo: { step: 'set-access-state', backstore: name, state: accessState },
    });
  return steps;
};

const backstoreSteps = (desired: DesiredTarget, seen: Seen): PlannedStep[] => {
  if (seen.backstore) return mendBackstore(seen.backstore);
  return [
    {
      do: {
        step: 'create-backstore',
        backstore: desired.backstore,
        file: desired.file,
        sizeBytes: desired.sizeBytes,
        serial: desired.serial,
      },
      undo: { step: 'delete-unused-backstore', backstore: desired.backstore },
    },
    { do: { step: 'set-backstore-attributes', backstore: desired.backstore, attributes: BACKSTORE_ATTRIBUTES.set }, undo: null },
  ];
};

const isWishedLun = ({ lun, backstore }: DesiredTarget, found: SeenTarget['luns'][number]): boolean =>
  found.lun === lun && found.backstore === backstore && found.path === null;

/** The ACL of the wish, if it can be kept. */
const keptAcl = ({ initiatorIqn }: DesiredTarget, acls: SeenAcl[]): SeenAcl | undefined =>
  acls.find((acl) => acl.initiatorIqn === initiatorIqn && (acl.queueDepth ?? QUEUE_DEPTH) === QUEUE_DEPTH);

/** What a target of ours holds and the wish does not: an ACL or portal too much is a way in, so it goes before anything is added. */
const removals = (desired: DesiredTarget, found: SeenTarget): Step[] => {
  const { iqn, initiatorIqn, lun, portal, readOnly } = desired;
  const acl = keptAcl(desired, found.acls);
  return [
    // while it has a tag, targetcli does not know it by its name
    ...(acl?.tag ? [{ step: 'untag-acl', iqn, initiatorIqn } as const] : []),
    ...found.otherTpgs.map((tag): Step => ({ step: 'delete-tpg', iqn, tag })),
    ...found.portals.filter((other) => !samePortal(other, portal)).map((other): Step => ({ step: 'delete-portal', iqn, portal: other })),
    ...found.acls.filter((other) => other !== acl).map((other): Step => ({ step: 'delete-acl', iqn, initiatorIqn: other.initiatorIqn })),
    ...(acl?.luns ?? [])
      .filter((mapped) => mapped.lun !== lun || mapped.tpgLun !== lun || mapped.readOnly !== readOnly)
      .map((mapped): Step => ({ step: 'unmap-lun', iqn, initiatorIqn, lun: mapped.lun })),
    ...found.luns.filter((other) => !isWishedLun(desired, other)).map((other): Step => ({ step: 'delete-lun', iqn, lun: other.lun })),
  ];
};

const additions = (desired: DesiredTarget, found: SeenTarget | null): PlannedStep[] => {
  const { iqn, initiatorIqn, lun, portal, backstore, readOnly } = desired;
  const steps: PlannedStep[] = [];
  if (!found) steps.push({ do: { step: 'create-target', iqn }, undo: { step: 'delete-target', iqn } });
  const wished = tpgAttributes(desired.chap !== null);
  const attributes = found ? differing(wished, found.attributes) : wished.set;
  if (!isEmpty(attributes))
    steps.push({
      do: { step: 'set-tpg-attributes', iqn, attributes },
      undo: found ? { step: 'set-tpg-attributes', iqn, attributes: asFound(attributes, found.attributes) } : null,
    });
  const parameters = found ? differing(tpgParameters(desired.chap !== null), found.parameters) : {};
  if (found && !isEmpty(parameters))
    steps.push({
      do: { step: 'set-tpg-parameters', iqn, parameters },
      undo: { step: 'set-tpg-parameters', iqn, parameters: asFound(parameters, found.parameters) },
    });
  const hasLun = found?.luns.some((other) => isWishedLun(desired, other)) ?? false;
  if (!hasLun) steps.push({ do: { step: 'create-lun', iqn, lun, backstore }, undo: { step: 'delete-lun', iqn, lun } });
  const acl = found ? keptAcl(desired, found.acls) : undefined;
  if (acl && !desired.chap && acl.secrets.length > 0)
    steps.push({ do: { step: 'clear-acl-secrets', iqn, initiatorIqn, secrets: acl.secrets }, undo: null });
  if (!acl) steps.push({ do: { step: 'create-acl', iqn, initiatorIqn }, undo: { step: 'delete-acl', iqn, initiatorIqn } });
  // what was there before is not known, and nobody's wish: it is not brought back
  if (desired.chap && acl?.chap !== desired.chap.fingerprint)
    steps.push({ do: { step: 'set-acl-secrets', iqn, initiatorIqn, chap: desired.chap }, undo: null });
  const overridden = acl ? differing(ACL_ATTRIBUTES, acl.attributes) : {};
  if (acl && !isEmpty(overridden))
    steps.push({
      do: { step: 'set-acl-attributes', iqn, initiatorIqn, attributes: overridden },
      undo: { step: 'set-acl-attributes', iqn, initiatorIqn, attributes: asFound(overridden, acl.attributes) },
    });
  // deleting the LUN of a TPG takes its mappings with it, so without that LUN there is no mapping either
  const mapped = hasLun && acl?.luns.some((other) => other.lun === lun && other.tpgLun === lun && other.readOnly === readOnly);
  if (!mapped)
    steps.push({
      do: { step: 'map-lun', iqn, initiatorIqn, lun, tpgLun: lun, readOnly },
      undo: { step: 'unmap-lun', iqn, initiatorIqn, lun },
    });
  if (!found?.portals.some((other) => samePortal(other, portal)))
    steps.push({ do: { step: 'create-portal', iqn, portal }, undo: { step: 'delete-portal', iqn, portal } });
  // last of all: until now no initiator gets in
  if (!found?.enabled) steps.push({ do: { step: 'enable-tpg', iqn }, undo: { step: 'disable-tpg', iqn } });
  return steps;
};

/** From what is seen to a target as wished. Empty when the kernel shows the wish already. */
export const planPresent = (desired: DesiredTarget, seen: Seen): PlannedStep[] => {
  if (mustBeRemade(desired, seen))
    return [
      ...withoutTarget(desired.iqn, seen.target),
      { do: { step: 'delete-unused-backstore', backstore: desired.backstore }, undo: null },
      ...planPresent(desired, { target: null, backstore: null }),
    ];
  if (seen.target && !seen.target.hasTpg)
    return [...withoutTarget(desired.iqn, seen.target), ...planPresent(desired, { ...seen, target: null })];
  return [
    ...(seen.target ? removals(desired, seen.target).map((step): PlannedStep => ({ do: step, undo: null })) : []),
    ...backstoreSteps(desired, seen),
    ...additions(desired, seen.target),
  ];
};

/**
 * The TPG is disabled first: deleting an ACL or a LUN with a session on it waits for that session inside the kernel, without
 * a limit (target_core_tpg.c, core_tpg_del_initiator_node_acl).
 */
const withoutTarget = (iqn: string, target: SeenTarget | null): PlannedStep[] => [
  ...(target?.enabled ? [{ do: { step: 'disable-tpg', iqn } as const, undo: { step: 'enable-tpg', iqn } as const }] : []),
  ...(target ? [{ do: { step: 'delete-target', iqn } as const, undo: null }] : []),
];

/** From what is seen to no target, and to no backstore without a LUN. */
export const planAbsent = (
  { iqn, backstore }: Pick<DesiredTarget, 'iqn' | 'backstore'>,
  { target, backstore: found }: Seen,
): PlannedStep[] => [
  ...withoutTarget(iqn, target),
  ...(found && (target || !found.exported) ? [{ do: { step: 'delete-unused-backstore', backstore } as const, undo: null }] : []),
];

/**
 * What takes back the steps that were begun, last one first. When the target itself was made, deleting it takes its portal,
 * LUN and ACL with it, and their own undo steps would only be more that can go wrong. What stood before a target that was
 * deleted cannot be brought back.
 */
export const undoSteps = (begun: PlannedStep[]): Step[] => {
  const since = begun.slice(begun.findLastIndex((planned) => planned.do.step === 'delete-target') + 1);
  const made = since.some(({ undo }) => undo?.step === 'delete-target');
  return since
    .map(({ undo }) => undo)
    .filter((undo): undo is Step => undo !== null)
    .filter((undo) => !made || undo.step === 'delete-target' || undo.step === 'delete-unused-backstore')
    .reverse();
};

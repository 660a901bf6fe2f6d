import type { Drift, LiveTarget } from '#contracts';
import type { DesiredTarget, Seen, SeenAcl, SeenBackstore, SeenTarget } from './lio/target-state';
import {
  ACL_ATTRIBUTES,
  BACKSTORE_ATTRIBUTES,
  QUEUE_DEPTH,
  differing,
  tpgAttributes,
  tpgParameters,
  type Values,
  type WishedValues,
} from './lio/wished-values';

const missing = (what: string, expected: string): Drift => ({ kind: 'missing', what, expected, found: null });
const extra = (what: string, found: string): Drift => ({ kind: 'extra', what, expected: null, found });

const compare = (what: string, expected: string, found: string | null | undefined): Drift[] =>
  found === expected ? [] : [{ kind: 'different', what, expected, found: found ?? null }];

const access = (readOnly: boolean): string => (readOnly ? 'read-only' : 'read-write');

/** One list against another, each by its text: what lacks and what is too much. */
const compareLists = (what: string, expected: string[], found: string[]): Drift[] => [
  ...expected.filter((text) => !found.includes(text)).map((text) => missing(what, text)),
  ...found.filter((text) => !expected.includes(text)).map((text) => extra(what, text)),
];

const compareValues = (what: string, wished: WishedValues, found: Values): Drift[] =>
  Object.entries(differing(wished, found)).flatMap(([name, value]) => compare(`${what} ${name}`, value, found[name]));

/** Paths of a node stay on it. */
const fileName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

const backingFile = (desired: DesiredTarget, file: string | null): string | null =>
  file === null ? null : file === desired.file ? fileName(file) : 'another file';

const backstoreDrift = (desired: DesiredTarget, found: SeenBackstore | null): Drift[] => {
  if (!found) return [missing('backstore', desired.backstore)];
  if (!found.configured) return [{ kind: 'different', what: 'backstore', expected: 'configured', found: 'without a device' }];
  return [
    ...compare('backing file', fileName(desired.file), backingFile(desired, found.file)),
    ...compare('udev path', fileName(desired.file), backingFile(desired, found.udevPath)),
    ...compare('size', String(desired.sizeBytes), found.sizeBytes === null ? null : String(found.sizeBytes)),
    ...compare('unit serial', desired.serial, found.serial),
    ...compare('write mode', 'write-through', found.writeThrough ? 'write-through' : 'write-back'),
    ...compareValues('backstore attribute', BACKSTORE_ATTRIBUTES, found.attributes),
    ...compare('access state', '0', found.accessState ?? '0'),
  ];
};

const compareChap = (wished: string, acl: SeenAcl): Drift[] => {
  if (acl.chap === wished) return [];
  return acl.secrets.length === 0
    ? [missing('acl secret', 'as set')]
    : [{ kind: 'different', what: 'acl secret', expected: 'as set', found: 'another' }];
};

const aclDrift = (desired: DesiredTarget, acl: SeenAcl): Drift[] => [
  ...compareValues('acl attribute', ACL_ATTRIBUTES, acl.attributes),
  ...compare('acl queue depth', QUEUE_DEPTH, acl.queueDepth ?? QUEUE_DEPTH),
  ...(acl.tag === null ? [] : [extra('acl tag', acl.tag)]),
  // which, never what
  ...(desired.chap ? compareChap(desired.chap.fingerprint, acl) : acl.secrets.map((name) => extra('acl secret', name))),
  ...compareLists(
    'mapped lun',
    [`${desired.lun} -> ${desired.lun} ${access(desired.readOnly)}`],
    acl.luns.map(({ lun, tpgLun, readOnly }) => `${lun} -> ${tpgLun ?? 'broken'} ${access(readOnly)}`),
  ),
];

const targetDrift = (desired: DesiredTarget, found: SeenTarget): Drift[] => {
  const acl = found.acls.find(({ initiatorIqn }) => initiatorIqn === desired.initiatorIqn);
  const otherTpgs = found.otherTpgs.map((tag) => extra('tpg', String(tag)));
  if (!found.hasTpg) return [missing('tpg', '1'), ...otherTpgs];
  return [
    ...compare('enabled', 'true', String(found.enabled)),
    ...compareValues('attribute', tpgAttributes(desired.chap !== null), found.attributes),
    ...compareValues('parameter', tpgParameters(desired.chap !== null), found.parameters),
    ...otherTpgs,
    ...compareLists(
      'portal',
      [`${desired.portal.address} ${desired.portal.port}`],
      found.portals.map(({ address, port }) => `${address} ${port}`),
    ),
    ...compareLists(
      'lun',
      [`${desired.lun} ${desired.backstore}`],
      found.luns.map(({ lun, backstore, path }) => `${lun} ${backstore ?? 'broken'}${path ? ` by ${path}` : ''}`),
    ),
    ...compareLists(
      'acl',
      [desired.initiatorIqn],
      found.acls.map(({ initiatorIqn }) => initiatorIqn),
    ),
    ...(acl ? aclDrift(desired, acl) : []),
  ];
};

/** Where the kernel differs from a target that is wished. Empty exactly when planning for the same finds nothing to do. */
export const driftFrom = (desired: DesiredTarget, seen: Seen): Drift[] => [
  ...backstoreDrift(desired, seen.backstore),
  ...(seen.target ? targetDrift(desired, seen.target) : [missing('target', desired.iqn)]),
];

/** What still shows of a target that should be gone. */
export const leftovers = (iqn: string, backstore: string, seen: Seen, backstoreIsOurs: boolean): Drift[] => [
  ...(seen.target ? [extra('target', iqn)] : []),
  ...(seen.backstore && !seen.backstore.exported && backstoreIsOurs ? [extra('backstore', backstore)] : []),
];

/** @param drift differences that the caller found, or none when the target is not wished for. */
export const liveTarget = ({ target }: Seen, drift: Drift[]): LiveTarget => ({
  enabled: target?.enabled ?? false,
  portals: target?.portals ?? [],
  luns: target?.luns.map(({ lun, backstore }) => ({ lun, backstore: backstore ?? '' })) ?? [],
  acls:
    target?.acls.map(({ initiatorIqn, luns }) => ({
      initiator_iqn: initiatorIqn,
      luns: luns.map(({ lun, readOnly }) => ({ lun, read_only: readOnly })),
    })) ?? [],
  sessions: target?.sessions.map(({ initiatorIqn, address, state }) => ({ initiator_iqn: initiatorIqn, address, state })) ?? [],
  drift,
});

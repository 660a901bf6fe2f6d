import { z } from 'zod';
import type { TargetWish } from '#contracts';
import { NO_CHAP, chapFingerprint } from './lio/chap-credentials';
import { desiredTarget, type NodeFacts } from './lio/target-state';

/** The parts of rtslib's saveconfig.json that we read; see saveconfig.json(5). Everything else in it is let be. */
const SavedConfig = z.object({
  storage_objects: z.array(
    z.object({
      plugin: z.string(),
      name: z.string(),
      dev: z.string().optional(),
      wwn: z.string().optional(),
      write_back: z.boolean().optional(),
    }),
  ),
  targets: z.array(
    z.object({
      fabric: z.string(),
      wwn: z.string(),
      tpgs: z.array(
        z.object({
          tag: z.int(),
          enable: z.boolean().optional(),
          attributes: z.object({ authentication: z.union([z.string(), z.number()]).optional() }).optional(),
          luns: z.array(z.object({ index: z.int(), storage_object: z.string() })).default([]),
          portals: z.array(z.object({ ip_address: z.string(), port: z.int() })).default([]),
          node_acls: z
            .array(
              z.object({
                node_wwn: z.string(),
                chap_userid: z.string().default(''),
                chap_password: z.string().default(''),
                chap_mutual_userid: z.string().default(''),
                chap_mutual_password: z.string().default(''),
                mapped_luns: z.array(z.object({ index: z.int(), tpg_lun: z.int(), write_protect: z.boolean() })).default([]),
              }),
            )
            .default([]),
        }),
      ),
    }),
  ),
});
export type SavedConfig = z.infer<typeof SavedConfig>;

/** @returns null for a text that rtslib could not restore from either, such as one cut short. */
export const parseSavedConfig = (text: string): SavedConfig | null => {
  try {
    return SavedConfig.parse(JSON.parse(text));
  } catch {
    return null;
  }
};

/** Whether a restore would bring this target back as wished. */
export const savedAsWished = (saved: SavedConfig, wish: TargetWish, facts: NodeFacts): boolean => {
  const desired = desiredTarget(wish, facts);
  const disk = saved.storage_objects.find(({ plugin, name }) => plugin === 'fileio' && name === desired.backstore);
  const tpg = saved.targets.find(({ fabric, wwn }) => fabric === 'iscsi' && wwn === desired.iqn)?.tpgs.find(({ tag }) => tag === 1);
  const acl = tpg?.node_acls.find(({ node_wwn }) => node_wwn === desired.initiatorIqn);
  const mapped = acl?.mapped_luns;
  return (
    disk?.dev === desired.file &&
    disk.wwn === desired.serial &&
    disk.write_back === false &&
    tpg?.enable === true &&
    String(tpg.attributes?.authentication ?? '0') === (desired.chap ? '1' : '0') &&
    savedChap(acl) === (desired.chap?.fingerprint ?? NO_CHAP) &&
    tpg.luns.some(({ index, storage_object }) => index === desired.lun && storage_object === `/backstores/fileio/${desired.backstore}`) &&
    tpg.portals.some(
      ({ ip_address, port }) => ip_address.replace(/[[\]]/g, '') === desired.portal.address && port === desired.portal.port,
    ) &&
    (mapped?.some(
      ({ index, tpg_lun, write_protect }) => index === desired.lun && tpg_lun === desired.lun && write_protect === desired.readOnly,
    ) ??
      false)
  );
};

const savedChap = (acl: SavedConfig['targets'][number]['tpgs'][number]['node_acls'][number] | undefined): string =>
  chapFingerprint({
    userid: acl?.chap_userid ?? '',
    password: acl?.chap_password ?? '',
    userid_mutual: acl?.chap_mutual_userid ?? '',
    password_mutual: acl?.chap_mutual_password ?? '',
  });

export interface LiveNames {
  targets: ReadonlySet<string>;
  /** `fileio/NAME`, in rtslib's words for plug-ins. */
  storageObjects: ReadonlySet<string>;
}

/** What the saved file has and the kernel lacks, and nobody took away on purpose: saving now would lose it for good. */
export const lostSince = (
  saved: SavedConfig,
  live: LiveNames,
  removed: { target: (iqn: string) => boolean; backstore: (name: string) => boolean },
): string[] => [
  ...saved.storage_objects
    .filter(({ plugin, name }) => !live.storageObjects.has(`${plugin}/${name}`) && !removed.backstore(name))
    .map(({ name }) => `backstore ${name}`),
  ...saved.targets
    .filter(({ fabric, wwn }) => fabric === 'iscsi' && !live.targets.has(wwn) && !removed.target(wwn))
    .map(({ wwn }) => `target ${wwn}`),
];

/** Names of configfs files and what stands in them. */
export type Values = Record<string, string>;

/**
 * What a kind of object should show. `kept` is what the kernel makes it with: no step sets it on a new object, it is put back when
 * somebody changed it, and a kernel that does not have one needs nothing.
 */
export interface WishedValues {
  set: Values;
  kept: Values;
}

/**
 * Closed against every initiator without an ACL. `demo_mode_discovery` is 1 by default, which shows a target's name to anybody. Kept are
 * those that initiators notice. `authentication` is of a target without CHAP, where the ACL alone admits: see `tpgAttributes`.
 */
export const TPG_ATTRIBUTES: WishedValues = {
  set: {
    authentication: '0',
    generate_node_acls: '0',
    demo_mode_discovery: '0',
    demo_mode_write_protect: '1',
    cache_dynamic_acls: '0',
    prod_mode_write_protect: '0',
  },
  kept: { default_cmdsn_depth: '64', login_timeout: '15', tpg_enabled_sendtargets: '1', login_keys_workaround: '1' },
};

/** Without secrets, `authentication` refuses every login: so it is safe to be set first (iscsi_target_nego.c). */
export const tpgAttributes = (chap: boolean): WishedValues =>
  chap ? { ...TPG_ATTRIBUTES, set: { ...TPG_ATTRIBUTES.set, authentication: '1' } } : TPG_ATTRIBUTES;

/** What a login may agree on: whether a secret is asked for, and checksums. */
export const TPG_PARAMETERS: WishedValues = {
  set: {},
  kept: { AuthMethod: 'CHAP,None', HeaderDigest: 'CRC32C,None', DataDigest: 'CRC32C,None' },
};

/** The kernel takes `None` out by itself when `authentication` is set (iscsi_target_tpg.c, iscsit_ta_authentication). */
export const tpgParameters = (chap: boolean): WishedValues =>
  chap ? { ...TPG_PARAMETERS, kept: { ...TPG_PARAMETERS.kept, AuthMethod: 'CHAP' } } : TPG_PARAMETERS;

/**
 * -1 is as the TPG says, else the ACL overrides it (iscsi_target_nodeattrib.c): with 1 our initiator is shut out, with 0 it would
 * get in without the secret that the TPG asks for. Kernels before 5.19 do not have it. Without NOPs a dead initiator keeps its
 * session.
 */
export const ACL_ATTRIBUTES: WishedValues = { set: {}, kept: { authentication: '-1', nopin_timeout: '15' } };

/** Given to an ACL when it is made; the kernel ends its sessions when it is changed, and targetcli has no command for it. */
export const QUEUE_DEPTH = TPG_ATTRIBUTES.kept.default_cmdsn_depth!;

/**
 * `emulate_write_cache` must agree with `write_back=false`: an initiator that is told of a write cache would rely on flushing it.
 * Kept is what tells an initiator which commands the disk knows.
 */
export const BACKSTORE_ATTRIBUTES: WishedValues = {
  set: { emulate_write_cache: '0' },
  kept: {
    emulate_tpu: '0',
    emulate_tpws: '0',
    emulate_pr: '1',
    emulate_caw: '1',
    emulate_3pc: '1',
    block_size: '512',
  },
};

/** Refused by the kernel while a LUN shows the backstore (target_core_configfs.c, `export_count`). */
export const FIXED_BY_EXPORT = ['block_size'];

/** The wished values of those that differ. */
export const differing = ({ set, kept }: WishedValues, found: Values): Values =>
  Object.fromEntries([
    ...Object.entries(set).filter(([name, value]) => found[name] !== value),
    ...Object.entries(kept).filter(([name, value]) => (found[name] ?? value) !== value),
  ]);

export const namesOf = ({ set, kept }: WishedValues): string[] => [...Object.keys(set), ...Object.keys(kept)];

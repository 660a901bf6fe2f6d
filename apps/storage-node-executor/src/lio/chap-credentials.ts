import { createHmac, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';

/** The files of an ACL's `auth` folder. A name or password that begins with NULL is none (iscsi_target_configfs.c). */
export interface ChapValues {
  userid: string;
  password: string;
  userid_mutual: string;
  password_mutual: string;
}

export const CHAP_FILES = ['userid', 'password', 'userid_mutual', 'password_mutual'] as const;

/** Of this process alone: what two fingerprints tell is that they are the same, and nothing else to nobody. */
const key = randomBytes(32);

/** The fingerprint of no names and no passwords: most ACLs have none, and each look at a target asks. */
export const NO_CHAP = 'none';

/** Stands for secrets wherever they are only compared, so that no plan, log or error can have one in it. */
export const chapFingerprint = (values: ChapValues): string => {
  const set = CHAP_FILES.map((name) => (values[name].startsWith('NULL') ? '' : values[name]));
  if (set.every((value) => value === '')) return NO_CHAP;
  return createHmac('sha256', key).update(JSON.stringify(set)).digest('base64url');
};

/** A wish's secrets were sealed for another node, another target, or a key that this node no longer has. */
export class CannotOpenSecrets extends Error {}

/** Names and secrets of one ACL, for writing them to the kernel. Prints as nothing. */
export class ChapCredentials {
  readonly fingerprint: string;
  readonly #values: ChapValues;

  constructor(values: ChapValues) {
    this.#values = values;
    this.fingerprint = chapFingerprint(values);
  }

  /** The one way out. */
  reveal(): ChapValues {
    return this.#values;
  }

  toJSON(): string {
    return 'CHAP credentials';
  }

  [inspect.custom](): string {
    return this.toJSON();
  }
}

import { createHmac, hkdfSync, randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { EntityManager } from 'typeorm';
import {
  CHAP_SECRET_PATTERN,
  Refused,
  chapSubject,
  type ChapCredentials,
  type ChapMode,
  type ChapRequest,
  type TargetWish,
} from '#contracts';
import { crashPoint, readPublicKey, sealBox } from '#runtime';
import type { StorageNode } from '../inventory/node.entity';
import type { Target } from '../targets/target.entity';
import { parseKeyRing, seal, unseal, type KeyRing } from './envelope';
import { replaceSecrets, secretsOf, type Field } from './secret.store';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.';
const LENGTH = 16;

/** 16 of 64 characters: 96 bits, what RFC 7143 (section 9.2.1) asks for where there is no IPsec. */
export const newSecret = (): string => {
  for (;;) {
    const text = Array.from({ length: LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
    if (CHAP_SECRET_PATTERN.test(text)) return text;
  }
};

export interface Secrets {
  secret: string;
  mutual_secret: string | null;
}

/** What was given, and new ones for the rest. */
export const chooseSecrets = ({ secret = newSecret(), mutual, mutual_secret }: ChapRequest): Secrets => ({
  secret,
  mutual_secret: mutual ? (mutual_secret ?? newSecret()) : null,
});

export const modeOf = ({ mutual_secret }: Secrets): ChapMode => (mutual_secret === null ? 'one-way' : 'mutual');

const subjectOf = (targetId: string, field: Field, version: number): string => `${targetId}/${field}/${version}`;

/** CHAP secrets at rest and on their way: in clear only in this process, and only while they are needed. */
export class ChapSecrets {
  constructor(private readonly keyFile: string) {}

  /** Read each time, so that a key that was added is known without a restart. @throws Error when the file cannot be used */
  ring(): KeyRing {
    return parseKeyRing(readFileSync(this.keyFile, 'utf8'));
  }

  /** In the transaction that gives the target its wish for them. */
  async keep(tx: EntityManager, { id, chap_version: version }: Target, secrets: Secrets): Promise<void> {
    const ring = this.ring();
    const given = Object.entries(secrets).filter((entry): entry is [Field, string] => entry[1] !== null);
    await replaceSecrets(
      tx,
      id,
      given.map(([field, text]) => ({ targetId: id, field, version, ...seal(ring, text, subjectOf(id, field, version)) })),
    );
    crashPoint('targets.secrets-written');
  }

  /** @throws Error when the row or its key is not there */
  async read(tx: EntityManager, { id, chap, chap_version: version }: Target): Promise<Secrets> {
    const ring = this.ring();
    const rows = await secretsOf(tx, id);
    const open = (field: Field): string => {
      const row = rows.find((one) => one.field === field && one.version === version);
      if (!row) throw new Error(`target ${id} has no ${field} of version ${version}`);
      return unseal(ring, row, subjectOf(id, field, version));
    };
    return { secret: open('secret'), mutual_secret: chap === 'mutual' ? open('mutual_secret') : null };
  }

  /** For the wish: sealed so that the node alone can open them. @throws Refused NODE_KEY_MISSING */
  async forNode(tx: EntityManager, target: Target, node: StorageNode | null): Promise<TargetWish['chap']> {
    if (target.chap === 'none') return null;
    const key = keyOf(node?.report.sealing_key);
    const secrets = await this.read(tx, target);
    const about = chapSubject(target.node_id, target.id, target.chap_version);
    return { mode: target.chap, version: target.chap_version, sealed: sealBox(key, JSON.stringify(secrets), about) };
  }

  /** What stands in the trail for a secret: whoever has the key can tell whether two entries are of the same one, and nobody what it is. */
  mark(secret: string): string {
    const key = hkdfSync('sha256', this.ring().at(-1)!.key, '', 'spindle audit marks', 32);
    return `hmac-sha256:${createHmac('sha256', Buffer.from(key)).update(secret).digest('hex')}`;
  }
}

/** @throws Refused NODE_KEY_MISSING */
export const keyOf = (text: string | null | undefined) => {
  if (!text) throw new Refused('NODE_KEY_MISSING', { retryAfter: 2 });
  try {
    return readPublicKey(text);
  } catch {
    throw new Refused('NODE_KEY_MISSING', { retryAfter: 2 });
  }
};

export const credentialsOf = (target: Pick<Target, 'initiator_iqn' | 'iqn'>, { secret, mutual_secret }: Secrets): ChapCredentials => ({
  username: target.initiator_iqn,
  secret,
  mutual_username: mutual_secret === null ? null : target.iqn,
  mutual_secret,
});

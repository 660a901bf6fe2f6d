import type { EntityManager } from 'typeorm';
import { inOneGo, type Statement } from '#database';
import type { Sealed } from './envelope';

/** All SQL of secrets. Every function takes the transaction. */

export const FIELDS = ['secret', 'mutual_secret'] as const;
export type Field = (typeof FIELDS)[number];

export interface SecretRow extends Sealed {
  targetId: string;
  field: Field;
  version: number;
}

interface Stored {
  target_id: string;
  field: Field;
  version: number;
  key_id: string;
  wrapped_key: Buffer;
  ciphertext: Buffer;
}

const rowOf = ({ target_id, field, version, key_id, wrapped_key, ciphertext }: Stored): SecretRow => ({
  targetId: target_id,
  field,
  version,
  keyId: key_id,
  wrappedKey: wrapped_key,
  ciphertext,
});

export const secretsOf = async (tx: EntityManager, targetId: string): Promise<SecretRow[]> =>
  (await tx.query<Stored[]>('SELECT * FROM targets.chap_secrets WHERE target_id = $1', [targetId])).map(rowOf);

export const droppingSecrets = (targetIds: string[]): Statement => ({
  name: 'drop-secrets',
  text: 'DELETE FROM targets.chap_secrets WHERE target_id = ANY($1)',
  values: [targetIds],
});

/** Those of before are gone. */
export const replaceSecrets = async (tx: EntityManager, targetId: string, rows: SecretRow[]): Promise<void> => {
  await inOneGo(tx, [droppingSecrets([targetId])]);
  for (const { field, version, keyId, wrappedKey, ciphertext } of rows)
    await tx.query(
      `INSERT INTO targets.chap_secrets (target_id, field, version, key_id, wrapped_key, ciphertext) VALUES ($1, $2, $3, $4, $5, $6)`,
      [targetId, field, version, keyId, wrappedKey, ciphertext],
    );
};

/** Some that another key wraps, locked. */
export const secretsNotUnder = async (tx: EntityManager, keyId: string, limit: number): Promise<SecretRow[]> =>
  (await tx.query<Stored[]>('SELECT * FROM targets.chap_secrets WHERE key_id <> $1 LIMIT $2 FOR UPDATE', [keyId, limit])).map(rowOf);

export const rewrapSecret = (tx: EntityManager, { targetId, field, keyId, wrappedKey }: SecretRow): Promise<unknown> =>
  tx.query('UPDATE targets.chap_secrets SET key_id = $3, wrapped_key = $4 WHERE target_id = $1 AND field = $2', [
    targetId,
    field,
    keyId,
    wrappedKey,
  ]);

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/**
 * Envelope encryption: each secret has a data key of its own, and the key-encryption key wraps that alone, so a new key-encryption key
 * rewrites keys and not secrets. AES-256-GCM both times; `about` must be the same at both ends, so a row that was moved is not opened.
 */
export interface Sealed {
  /** Which key-encryption key. */
  keyId: string;
  wrappedKey: Buffer;
  ciphertext: Buffer;
}

/** One or more keys by their names; the first is the one that is used from now on. */
export type KeyRing = readonly { id: string; key: Buffer }[];

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const encrypt = (key: Buffer, text: Buffer, about: string): Buffer => {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(about));
  return Buffer.concat([nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()]);
};

const decrypt = (key: Buffer, bytes: Buffer, about: string): Buffer => {
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(about))
    .setAuthTag(bytes.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
};

/** @throws Error for a key that the ring does not have */
const keyOf = (ring: KeyRing, id: string): Buffer => {
  const found = ring.find((one) => one.id === id);
  if (!found) throw new Error(`there is no key-encryption key ${id}`);
  return found.key;
};

export const seal = (ring: KeyRing, text: string, about: string): Sealed => {
  const [current] = ring;
  const dataKey = randomBytes(32);
  return {
    keyId: current!.id,
    wrappedKey: encrypt(current!.key, dataKey, about),
    ciphertext: encrypt(dataKey, Buffer.from(text), about),
  };
};

/** @throws Error for a key that is not there, another `about`, or bytes that were changed */
export const unseal = (ring: KeyRing, { keyId, wrappedKey, ciphertext }: Sealed, about: string): string =>
  decrypt(decrypt(keyOf(ring, keyId), wrappedKey, about), ciphertext, about).toString('utf8');

/** The same secret under the key that is used from now on. */
export const rewrap = (ring: KeyRing, sealed: Sealed, about: string): Sealed => {
  const [current] = ring;
  return {
    ...sealed,
    keyId: current!.id,
    wrappedKey: encrypt(current!.key, decrypt(keyOf(ring, sealed.keyId), sealed.wrappedKey, about), about),
  };
};

/** @throws Error that names the line, never what stands in it */
export const parseKeyRing = (text: string): KeyRing => {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const ring = lines.map((line, at) => {
    const [, id, base64 = ''] = /^([a-z0-9-]{1,32}):([A-Za-z0-9+/]{43}=)$/.exec(line.trim()) ?? [];
    if (!id) throw new Error(`line ${at + 1} is no key: NAME:BASE64 of 32 bytes`);
    return { id, key: Buffer.from(base64, 'base64') };
  });
  if (ring.length === 0) throw new Error('there is no key in it');
  if (new Set(ring.map(({ id }) => id)).size < ring.length) throw new Error('two keys have one name');
  return ring;
};

/** A line for the file of keys. */
export const newKeyLine = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;

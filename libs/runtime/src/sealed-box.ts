import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto';

/**
 * What only the holder of one X25519 key can read: a key pair for this box alone, its agreement with the holder's key (RFC 7748) through
 * HKDF-SHA256 (RFC 5869), and AES-256-GCM. It says nothing about who made it.
 *
 * Bytes: 32 of the box's own public key, 12 of nonce, the sealed text, 16 of tag. `about` is not in the box, and must be the same at both ends: a
 * box is good for the one thing it was made for.
 */
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const INFO = 'spindle sealed box 1';

/** X25519, base64. */
export const publicKeyText = (key: KeyObject): string => Buffer.from(key.export({ format: 'jwk' }).x!, 'base64url').toString('base64');

/** @throws Error for a text that is no key */
export const readPublicKey = (text: string): KeyObject => {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== KEY_BYTES) throw new Error('this is no X25519 public key');
  return createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'X25519', x: bytes.toString('base64url') } });
};

const boxKey = (shared: Buffer, box: Buffer, holder: Buffer): Buffer =>
  Buffer.from(hkdfSync('sha256', shared, Buffer.concat([box, holder]), INFO, 32));

const raw = (key: KeyObject): Buffer => Buffer.from(publicKeyText(key), 'base64');

/** @returns base64 */
export const sealBox = (holder: KeyObject, text: string, about: string): string => {
  const own = generateKeyPairSync('x25519');
  const shared = diffieHellman({ privateKey: own.privateKey, publicKey: holder });
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', boxKey(shared, raw(own.publicKey), raw(holder)), nonce).setAAD(Buffer.from(about));
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([raw(own.publicKey), nonce, sealed, cipher.getAuthTag()]).toString('base64');
};

/** @throws Error for a box that was made for another key or another thing, or was changed */
export const openBox = (privateKey: KeyObject, box: string, about: string): string => {
  const bytes = Buffer.from(box, 'base64');
  if (bytes.length < KEY_BYTES + NONCE_BYTES + TAG_BYTES) throw new Error('this is no sealed box');
  const from = bytes.subarray(0, KEY_BYTES);
  const shared = diffieHellman({ privateKey, publicKey: readPublicKey(from.toString('base64')) });
  const key = boxKey(shared, from, raw(privateKey));
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(KEY_BYTES, KEY_BYTES + NONCE_BYTES), { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(about))
    .setAuthTag(bytes.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(KEY_BYTES + NONCE_BYTES, -TAG_BYTES)), decipher.final()]).toString('utf8');
};

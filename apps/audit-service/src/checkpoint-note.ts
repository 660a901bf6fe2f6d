import { createHash, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';

/**
 * A signed tree head as C2SP writes it: tlog-checkpoint in a signed-note. Text for people, bytes for machines:
 *
 *     ORIGIN
 *     SIZE, decimal
 *     ROOT, base64
 *
 *     — KEY NAME BASE64(4 bytes of key hash, 64 bytes of Ed25519 signature)
 */
export interface Checkpoint {
  origin: string;
  size: number;
  root: Buffer;
}

/** Who signs. The key's name is the log's origin, as tlog-checkpoint asks for. */
export interface Signer {
  origin: string;
  privateKey: KeyObject;
}

export interface Verifier {
  origin: string;
  publicKey: KeyObject;
}

/** signed-note's number of Ed25519. */
const ED25519 = 1;
const SIGNATURE = /^— (\S+) ([A-Za-z0-9+/]+={0,2})$/;

const rawKey = (publicKey: KeyObject): Buffer => Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url');

const keyHash = (name: string, publicKey: KeyObject): Buffer =>
  createHash('sha256')
    .update(Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(ED25519), rawKey(publicKey)]))
    .digest()
    .subarray(0, 4);

const bodyOf = ({ origin, size, root }: Checkpoint): string => `${origin}\n${size}\n${root.toString('base64')}\n`;

/** @throws Error when the key is none of Ed25519 */
export const signCheckpoint = ({ origin, privateKey }: Signer, size: number, root: Buffer): string => {
  const publicKey = createPublicKey(privateKey);
  const body = bodyOf({ origin, size, root });
  const signature = Buffer.concat([keyHash(origin, publicKey), sign(null, Buffer.from(body), privateKey)]);
  return `${body}\n— ${origin} ${signature.toString('base64')}\n`;
};

/** What a note says, if one of its signatures is good; others, of witnesses, may stand beside it. */
export const openCheckpoint = (note: string, { origin, publicKey }: Verifier): Checkpoint | null => {
  const end = note.indexOf('\n\n');
  if (end === -1) return null;
  const body = note.slice(0, end + 1);
  const signed = note
    .slice(end + 2)
    .split('\n')
    .some((line) => isGoodSignature(line, body, { origin, publicKey }));
  return signed ? readBody(body, origin) : null;
};

const isGoodSignature = (line: string, body: string, { origin, publicKey }: Verifier): boolean => {
  const [, name, text = ''] = SIGNATURE.exec(line) ?? [];
  const bytes = Buffer.from(text, 'base64');
  if (name !== origin || !bytes.subarray(0, 4).equals(keyHash(origin, publicKey))) return false;
  return verify(null, Buffer.from(body), publicKey, bytes.subarray(4));
};

const readBody = (body: string, expectedOrigin: string): Checkpoint | null => {
  const [, origin, size = '', root = ''] = /^(.+)\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/]{43}=)\n/.exec(body) ?? [];
  if (origin !== expectedOrigin) return null;
  return { origin, size: Number(size), root: Buffer.from(root, 'base64') };
};

/** signed-note's verifier key: `NAME+HASH+KEY`, one line that says whom to believe. */
export const verifierKey = (origin: string, publicKey: KeyObject): string =>
  `${origin}+${keyHash(origin, publicKey).toString('hex')}+${Buffer.concat([Buffer.of(ED25519), rawKey(publicKey)]).toString('base64')}`;

/** @throws Error for a text that is no verifier key of Ed25519 */
export const readVerifierKey = (text: string): Verifier => {
  const [, origin = '', hash = '', key = ''] = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})$/.exec(text.trim()) ?? [];
  const bytes = Buffer.from(key, 'base64');
  if (bytes[0] !== ED25519) throw new Error('this is no verifier key: NAME+HASH+KEY is expected');
  const publicKey = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x: bytes.subarray(1).toString('base64url') } });
  if (keyHash(origin, publicKey).toString('hex') !== hash) throw new Error('the hash in the verifier key is not that of its name and key');
  return { origin, publicKey };
};

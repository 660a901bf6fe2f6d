import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { API_TOKEN_PATTERN } from '#contracts';

/** 256 bits: nobody guesses it, so a plain hash keeps it. */
const SECRET_BYTES = 32;

export interface ApiToken {
  id: string;
  secret: string;
}

/** SHA-256 of the random part. */
export const tokenHash = (secret: string): Buffer => createHash('sha256').update(secret).digest();

/** @param id UUID */
export const newApiToken = (id: string): { text: string; hash: Buffer } => {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  return { text: `spt_${id.replaceAll('-', '')}_${secret}`, hash: tokenHash(secret) };
};

/** The API token in `Authorization: Bearer TOKEN`; undefined when there is something else. */
export const readApiToken = (authorization: string | undefined): ApiToken | undefined => {
  const text = /^Bearer (\S{1,200})$/i.exec(authorization ?? '')?.[1];
  const [, hex, secret] = API_TOKEN_PATTERN.exec(text ?? '') ?? [];
  if (hex === undefined || secret === undefined) return undefined;
  return { id: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'), secret };
};

export const isSecretOf = (secret: string, hash: Buffer): boolean => {
  const given = tokenHash(secret);
  return given.length === hash.length && timingSafeEqual(given, hash);
};

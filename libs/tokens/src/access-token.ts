import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { JwtService } from '@nestjs/jwt';
import { Refused, Role } from '#contracts';
import { z } from 'zod';

/** Tokens of another issuer, for another audience or of another type are refused even when their signature is right. */
const ISSUER = 'spindle/targets-service';
const AUDIENCE = 'spindle';
const ALGORITHM = 'ES256';
/** RFC 9068: a token that was signed for another purpose is no access token. */
const TYPE = 'at+jwt';

/** Longest life of a token, seconds. */
export const TOKEN_SECONDS = 900;

export const AccessClaims = z.object({
  sub: z.string(),
  username: z.string(),
  role: Role,
  /** How often the user's logins had been ended when this one was made; targets-service compares. */
  epoch: z.int().optional(),
  /** The API token that it was exchanged for. */
  tid: z.uuid().optional(),
});
export type AccessClaims = z.infer<typeof AccessClaims>;

export interface VerifiedToken extends AccessClaims {
  /** When it stops being accepted, milliseconds since 1970: what outlives a request must end then. */
  endsAt: number;
}

/** How far the clocks of our processes may differ, seconds. */
const CLOCK_TOLERANCE = 60;
const Signed = AccessClaims.extend({ exp: z.int(), iat: z.int() });

/** Exactly what we sign with. No `jku`, `x5u`, `jwk` or `kid` that could name another key, no `crit` that we would have to understand. */
const Header = z.strictObject({ alg: z.literal(ALGORITHM), typ: z.literal(TYPE) });

const jwt = new JwtService();

/**
 * Only targets-service holds a private key (PEM, P-256).
 * @param seconds how long it is good for, at most TOKEN_SECONDS
 */
export const signAccessToken = (claims: AccessClaims, privateKey: string, seconds = TOKEN_SECONDS): string =>
  jwt.sign(claims, {
    privateKey,
    algorithm: ALGORITHM,
    header: { alg: ALGORITHM, typ: TYPE },
    expiresIn: Math.min(seconds, TOKEN_SECONDS),
    issuer: ISSUER,
    audience: AUDIENCE,
  });

/** Each process knows one public key; to parse it takes longer than to verify a signature with it. */
const publicKeys = new Map<string, KeyObject>();
const keyOf = (pem: string): KeyObject => {
  const known = publicKeys.get(pem) ?? createPublicKey(pem);
  publicKeys.set(pem, known);
  return known;
};

/** Tokens whose signature was found to be right, by hash: a client sends the same one with each request. */
const verified = new Map<string, VerifiedToken>();
const MOST_REMEMBERED = 1_000;

const remember = (hash: string, token: VerifiedToken): VerifiedToken => {
  verified.set(hash, token);
  if (verified.size > MOST_REMEMBERED) verified.delete(verified.keys().next().value!);
  return token;
};

/**
 * Verifies `Authorization: Bearer TOKEN`. Algorithm and key are ours, never the token's.
 * @throws Refused UNAUTHENTICATED, TOKEN_INVALID or TOKEN_EXPIRED.
 */
export const verifyAccessToken = (authorization: string | undefined, publicKey: string): VerifiedToken => {
  const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization ?? '')?.[1];
  if (!token) throw new Refused(authorization ? 'TOKEN_INVALID' : 'UNAUTHENTICATED');
  const hash = createHash('sha256').update(`${token} ${publicKey}`).digest('base64url');
  const known = verified.get(hash);
  if (known && Date.now() < known.endsAt) return known;
  try {
    const { header, payload } = jwt.verify<{ header: unknown; payload: unknown }>(token, {
      // the package's types know text alone; what it hands the key to takes both
      publicKey: keyOf(publicKey) as unknown as string,
      algorithms: [ALGORITHM],
      issuer: ISSUER,
      audience: AUDIENCE,
      clockTolerance: CLOCK_TOLERANCE,
      complete: true,
    });
    Header.parse(header);
    const { exp, iat, ...claims } = Signed.parse(payload);
    if (exp - iat > TOKEN_SECONDS || iat > Date.now() / 1_000 + CLOCK_TOLERANCE) throw new Error('not one of ours');
    return remember(hash, { ...claims, endsAt: (exp + CLOCK_TOLERANCE) * 1_000 });
  } catch (error) {
    throw new Refused(error instanceof Error && error.name === 'TokenExpiredError' ? 'TOKEN_EXPIRED' : 'TOKEN_INVALID');
  }
};

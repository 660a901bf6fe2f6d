import { JwtService } from '@nestjs/jwt';
import { Refused, Role } from '#contracts';
import { z } from 'zod';

/** Tokens of another issuer or for another audience are refused even when their signature is right. */
const ISSUER = 'spindle/targets-service';
const AUDIENCE = 'spindle';

/** Longest life of a token, seconds. A stolen one cannot be called back before. */
export const TOKEN_SECONDS = 900;

export const AccessClaims = z.object({ sub: z.string(), username: z.string(), role: Role });
export type AccessClaims = z.infer<typeof AccessClaims>;

export interface VerifiedToken extends AccessClaims {
  /** When it stops being accepted, milliseconds since 1970: what outlives a request must end then. */
  endsAt: number;
}

/** How far the clocks of our processes may differ, seconds. */
const CLOCK_TOLERANCE = 60;
const Signed = AccessClaims.extend({ exp: z.number() });

const jwt = new JwtService();

/** Only targets-service holds a private key (PEM, P-256). */
export const signAccessToken = (claims: AccessClaims, privateKey: string): string =>
  jwt.sign(claims, { privateKey, algorithm: 'ES256', expiresIn: TOKEN_SECONDS, issuer: ISSUER, audience: AUDIENCE });

/**
 * Verifies `Authorization: Bearer TOKEN`. The algorithm is ours, never the token's.
 * @throws Refused UNAUTHENTICATED, TOKEN_INVALID or TOKEN_EXPIRED.
 */
export const verifyAccessToken = (authorization: string | undefined, publicKey: string): VerifiedToken => {
  const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization ?? '')?.[1];
  if (!token) throw new Refused(authorization ? 'TOKEN_INVALID' : 'UNAUTHENTICATED');
  try {
    const { exp, ...claims } = Signed.parse(
      jwt.verify(token, {
        publicKey,
        algorithms: ['ES256'],
        issuer: ISSUER,
        audience: AUDIENCE,
        clockTolerance: CLOCK_TOLERANCE,
        maxAge: `${TOKEN_SECONDS + CLOCK_TOLERANCE}s`,
      }),
    );
    return { ...claims, endsAt: (exp + CLOCK_TOLERANCE) * 1_000 };
  } catch (error) {
    throw new Refused(error instanceof Error && error.name === 'TokenExpiredError' ? 'TOKEN_EXPIRED' : 'TOKEN_INVALID');
  }
};

import { createHmac, generateKeyPairSync } from 'node:crypto';
import { JwtService, type JwtSignOptions } from '@nestjs/jwt';
import { TOKEN_SECONDS, signAccessToken, verifyAccessToken } from './access-token';

const keys = () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
};
const { publicKey, privateKey } = keys();
const claims = { sub: '1', username: 'ann', role: 'operator' as const };
const good: JwtSignOptions = {
  privateKey,
  algorithm: 'ES256',
  expiresIn: TOKEN_SECONDS,
  issuer: 'spindle/targets-service',
  audience: 'spindle',
};
const signed = (more: JwtSignOptions, said: object = claims) => new JwtService().sign(said, { ...good, ...more });
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** With the claims of a token that is good, under another header. */
const forged = (alg: string, sign: (text: string) => string) => {
  const text = `${part({ alg, typ: 'JWT' })}.${signed({}).split('.')[1]}`;
  return `${text}.${sign(text)}`;
};
const now = () => Math.floor(Date.now() / 1_000);

it('a token that we signed says who it is', () => {
  expect(verifyAccessToken(`Bearer ${signAccessToken(claims, privateKey)}`, publicKey)).toMatchObject(claims);
  expect(verifyAccessToken(`bearer ${signed({})}`, publicKey)).toMatchObject(claims);
});

it.each<[string, () => string | undefined, string]>([
  ['no header', () => undefined, 'UNAUTHENTICATED'],
  ['another scheme', () => `Basic ${signed({})}`, 'TOKEN_INVALID'],
  ['another key', () => `Bearer ${signed({ privateKey: keys().privateKey })}`, 'TOKEN_INVALID'],
  ['another issuer', () => `Bearer ${signed({ issuer: 'somebody' })}`, 'TOKEN_INVALID'],
  ['another audience', () => `Bearer ${signed({ audience: 'something else' })}`, 'TOKEN_INVALID'],
  ['a role that is none', () => `Bearer ${signed({}, { ...claims, role: 'root' })}`, 'TOKEN_INVALID'],
  ['no signature', () => `Bearer ${forged('none', () => 'x')}`, 'TOKEN_INVALID'],
  [
    'the public key as a password',
    () => `Bearer ${forged('HS256', (text) => createHmac('sha256', publicKey).update(text).digest('base64url'))}`,
    'TOKEN_INVALID',
  ],
  ['a time that is over', () => `Bearer ${signed({ expiresIn: -61 })}`, 'TOKEN_EXPIRED'],
  [
    'a longer life than ours have',
    () => `Bearer ${signed({ expiresIn: 100_000 }, { ...claims, iat: now() - TOKEN_SECONDS - 121 })}`,
    'TOKEN_EXPIRED',
  ],
])('a token with %s is refused', (_what, authorization, code) => {
  expect(() => verifyAccessToken(authorization(), publicKey)).toThrow(expect.objectContaining({ code }));
});

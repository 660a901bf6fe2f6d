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
const endless: JwtSignOptions = {
  privateKey,
  algorithm: 'ES256',
  header: { alg: 'ES256', typ: 'at+jwt' },
  issuer: 'spindle/targets-service',
  audience: 'spindle',
};
const good: JwtSignOptions = { ...endless, expiresIn: TOKEN_SECONDS };
const signed = (more: JwtSignOptions, said: object = claims) => new JwtService().sign(said, { ...good, ...more });
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** With the claims of a token that is good, under another header. */
const forged = (alg: string, sign: (text: string) => string) => {
  const text = `${part({ alg, typ: 'at+jwt' })}.${signed({}).split('.')[1]}`;
  return `${text}.${sign(text)}`;
};
/** Signed by our key, with something more in the header. */
const withHeader = (more: object) => `Bearer ${signed({ header: { alg: 'ES256', typ: 'at+jwt', ...more } })}`;
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
  ['another type', () => withHeader({ typ: 'JWT' }), 'TOKEN_INVALID'],
  ['the address of a key', () => withHeader({ jku: 'https://198.51.100.1/keys' }), 'TOKEN_INVALID'],
  ['the address of a certificate', () => withHeader({ x5u: 'https://198.51.100.1/cert' }), 'TOKEN_INVALID'],
  ['a key of its own', () => withHeader({ jwk: { kty: 'EC' } }), 'TOKEN_INVALID'],
  ['the name of a key', () => withHeader({ kid: '../../../dev/null' }), 'TOKEN_INVALID'],
  ['a part that must be understood', () => withHeader({ crit: ['x'], x: 1 }), 'TOKEN_INVALID'],
  ['a time that is over', () => `Bearer ${signed({ expiresIn: -61 })}`, 'TOKEN_EXPIRED'],
  ['a life of a second more than ours have', () => `Bearer ${signed({ expiresIn: TOKEN_SECONDS + 1 })}`, 'TOKEN_INVALID'],
  ['no end', () => `Bearer ${new JwtService().sign(claims, endless)}`, 'TOKEN_INVALID'],
  ['a beginning beyond the leeway', () => `Bearer ${signed({}, { ...claims, iat: now() + 62 })}`, 'TOKEN_INVALID'],
])('a token with %s is refused', (_what, authorization, code) => {
  expect(() => verifyAccessToken(authorization(), publicKey)).toThrow(expect.objectContaining({ code }));
});

it('clocks may differ by a minute', () => {
  expect(verifyAccessToken(`Bearer ${signed({ expiresIn: -58 })}`, publicKey)).toMatchObject(claims);
  expect(verifyAccessToken(`Bearer ${signed({}, { ...claims, iat: now() + 58 })}`, publicKey)).toMatchObject(claims);
});

it('no token is good for longer than a quarter of an hour, and one may be for less', () => {
  const life = (seconds: number) =>
    verifyAccessToken(`Bearer ${signAccessToken(claims, privateKey, seconds)}`, publicKey).endsAt / 1_000 - now();

  expect(life(100_000)).toBeLessThanOrEqual(TOKEN_SECONDS + 60);
  expect(life(30)).toBeLessThanOrEqual(90);
});

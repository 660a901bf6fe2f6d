import { isSecretOf, newApiToken, readApiToken } from './api-token';
import { newId } from './ids';

it('a new token is read again with its id and its secret', () => {
  const id = newId();
  const { text, hash } = newApiToken(id);

  const read = readApiToken(`Bearer ${text}`)!;

  expect(text).toMatch(/^spt_[0-9a-f]{32}_[A-Za-z0-9_-]{43}$/);
  expect(read.id).toBe(id);
  expect(isSecretOf(read.secret, hash)).toBe(true);
  expect(hash.toString('latin1')).not.toContain(read.secret);
});

it('the secret of another token is not that of this one', () => {
  const [one, other] = [newApiToken(newId()), newApiToken(newId())];

  expect(isSecretOf(readApiToken(`bearer ${one.text}`)!.secret, other.hash)).toBe(false);
  expect(isSecretOf(readApiToken(`bearer ${one.text}`)!.secret, Buffer.alloc(0))).toBe(false);
});

const { text } = newApiToken(newId());
it.each([
  ['nothing', undefined],
  ['another scheme', `Basic ${text}`],
  ['no scheme', text],
  ['a signed token', 'Bearer a.b.c'],
  ['a character too many', `Bearer ${text}A`],
  ['a character too few', `Bearer ${text.slice(0, -1)}`],
  ['an id with dashes', `Bearer spt_${newId()}_${text.slice(-43)}`],
  ['a line break behind it', `Bearer ${text}\n`],
  ['two tokens', `Bearer ${text} ${text}`],
])('%s is no API token', (_what, authorization) => {
  expect(readApiToken(authorization)).toBeUndefined();
});

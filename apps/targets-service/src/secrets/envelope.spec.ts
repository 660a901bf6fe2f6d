import { newKeyLine, parseKeyRing, rewrap, seal, unseal } from './envelope';

const old = parseKeyRing(newKeyLine('old'));
const both = parseKeyRing(`${newKeyLine('new')}\n`).concat(old);

it('gives a secret back to whoever has the key, and says nothing of it otherwise', () => {
  const sealed = seal(old, 'abcDEF123_.xyzw0', 't/secret/1');

  expect(unseal(old, sealed, 't/secret/1')).toBe('abcDEF123_.xyzw0');
  expect(JSON.stringify(sealed)).not.toContain('abcDEF');
  expect(seal(old, 'abcDEF123_.xyzw0', 't/secret/1').ciphertext).not.toEqual(sealed.ciphertext);
});

it.each([
  ['of another target, field or version', () => unseal(old, seal(old, 'x', 't/secret/1'), 't/secret/2')],
  ['under a key that is not there', () => unseal(parseKeyRing(newKeyLine('other')), seal(old, 'x', 'a'), 'a')],
  ['under another key of the same name', () => unseal(parseKeyRing(newKeyLine('old')), seal(old, 'x', 'a'), 'a')],
])('does not open one %s', (_what, open) => {
  expect(open).toThrow();
});

it('does not open one whose bytes were changed', () => {
  const sealed = seal(old, 'secret', 'a');
  for (const part of ['wrappedKey', 'ciphertext'] as const)
    for (let at = 0; at < sealed[part].length; at++) {
      const changed = Buffer.from(sealed[part]);
      changed[at] = changed[at]! ^ 1;
      expect(() => unseal(old, { ...sealed, [part]: changed }, 'a')).toThrow();
    }
});

it('is opened by the new key alone after a change of keys, the secret untouched', () => {
  const sealed = seal(old, 'secret', 'a');
  const again = rewrap(both, sealed, 'a');

  expect(again.ciphertext).toEqual(sealed.ciphertext);
  expect(unseal(both.slice(0, 1), again, 'a')).toBe('secret');
});

it.each(['', 'x', `UPPER:${'A'.repeat(43)}=`, `a:${'A'.repeat(20)}`, `a:${'A'.repeat(43)}=\na:${'A'.repeat(43)}=`])(
  'does not take %j for keys',
  (text) => {
    expect(() => parseKeyRing(text)).toThrow();
  },
);

import { generateKeyPairSync } from 'node:crypto';
import { openBox, publicKeyText, readPublicKey, sealBox } from './sealed-box';

const node = generateKeyPairSync('x25519').privateKey;
const holder = readPublicKey(publicKeyText(node));

it('is opened by the key that it was made for, and is another one each time', () => {
  const [one, two] = [sealBox(holder, 'geheim ü', 'a'), sealBox(holder, 'geheim ü', 'a')];

  expect([openBox(node, one, 'a'), openBox(node, two, 'a')]).toEqual(['geheim ü', 'geheim ü']);
  expect(one).not.toBe(two);
  expect(one).not.toContain('geheim');
});

it.each([
  ['another key', () => openBox(generateKeyPairSync('x25519').privateKey, sealBox(holder, 'x', 'a'), 'a')],
  ['another thing', () => openBox(node, sealBox(holder, 'x', 'a'), 'b')],
  ['nothing', () => openBox(node, '', 'a')],
])('is not opened for %s', (_what, open) => {
  expect(open).toThrow();
});

it('is not opened once a byte of it was changed', () => {
  const box = Buffer.from(sealBox(holder, 'secret', 'a'), 'base64');
  for (let at = 0; at < box.length; at++) {
    // the top bit of an X25519 key is not looked at (RFC 7748, section 5), but the key is in the derivation
    const changed = Buffer.from(box);
    changed[at] = changed[at]! ^ 0x80;
    expect(() => openBox(node, changed.toString('base64'), 'a')).toThrow();
  }
});

it.each(['', 'AAAA', 'x'.repeat(60)])('does not take %j for a key', (text) => {
  expect(() => readPublicKey(text)).toThrow('no X25519');
});

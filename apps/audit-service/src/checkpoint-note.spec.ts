import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { openCheckpoint, readVerifierKey, signCheckpoint, verifierKey } from './checkpoint-note';
import { EMPTY_ROOT } from './merkle';

const origin = 'spindle.example/audit';
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const note = signCheckpoint({ origin, privateKey }, 42, EMPTY_ROOT);
const verifier = readVerifierKey(verifierKey(origin, publicKey));

it('has the form of tlog-checkpoint and says what was signed', () => {
  expect(note).toMatch(
    /^spindle\.example\/audit\n42\n47DEQpj8HBSa\+\/TImW\+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— spindle\.example\/audit [A-Za-z0-9+/]{90,92}=*\n$/,
  );
  expect(openCheckpoint(note, verifier)).toEqual({ origin, size: 42, root: EMPTY_ROOT });
});

it('is good beside the signature of a witness', () => {
  expect(openCheckpoint(`${note}— witness.example AAAAAA==\n`, verifier)).toMatchObject({ size: 42 });
});

it.each([
  ['another size', note.replace('\n42\n', '\n43\n')],
  ['another root', note.replace('47DEQ', '57DEQ')],
  ['another origin', note.replaceAll(origin, 'other.example/audit')],
  ['no signature', note.slice(0, note.indexOf('—'))],
  ['the signature of another key', signCheckpoint({ origin, privateKey: generateKeyPairSync('ed25519').privateKey }, 42, EMPTY_ROOT)],
  ['the signature of another note', note.replace(/— .*/, () => signCheckpoint({ origin, privateKey }, 41, EMPTY_ROOT).split('\n')[4]!)],
  ['nothing', ''],
])('is not believed with %s', (_what, changed) => {
  expect(openCheckpoint(changed, verifier)).toBeNull();
});

it.each([
  '',
  'x',
  verifierKey(origin, publicKey).replace(/\+[0-9a-f]{8}\+/, '+00000000+'),
  verifierKey('other', publicKey).replace('other', 'more'),
])('does not take %j for a verifier key', (text) => {
  expect(() => readVerifierKey(text)).toThrow('verifier key');
});

it('reads back the key that it wrote', () => {
  expect(verifier.publicKey.export({ format: 'jwk' })).toEqual(createPublicKey(privateKey).export({ format: 'jwk' }));
});

import { randomBytes } from 'node:crypto';
import { formsOf } from './secret-forms';
import { SecretSearch } from './secret-search';

/** Passwords of people have more in them than generated ones. */
const SECRETS = { generated: 'Zq3_.x9LmP0aRt7V', typed: 'a "pass" wörd/with+all & 100%' };

const searchFor = (secrets: Record<string, string>): SecretSearch => {
  const search = new SecretSearch();
  for (const [name, secret] of Object.entries(secrets)) search.add(name, secret);
  return search;
};

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

it('every form of every secret is found wherever it lies, also across pieces of a stream', async () => {
  for (const [name, secret] of Object.entries(SECRETS))
    for (const { form, bytes } of formsOf(secret))
      for (const at of [0, 1, 997, 1_000, 3_000 - bytes.length]) {
        const search = searchFor(SECRETS);
        const world = randomBytes(3_000);
        bytes.copy(world, at);

        await search.searchStream('place', 'file', pieces(world, 1_000));

        expect(search.hits).toContainEqual({ secret: name, form, place: 'place: file', at });
        expect(search.bytesSearched.get('place')).toBe(3_000);
      }
});

it('what programs make of a secret is one of the forms, whatever stands around it', () => {
  for (const [name, secret] of Object.entries(SECRETS)) {
    const made = {
      json: JSON.stringify({ password: secret }),
      basic: Buffer.from(`admin:${secret}`).toString('base64'),
      token: Buffer.from(JSON.stringify({ s: secret.replaceAll('"', '') })).toString('base64url'),
      query: new URLSearchParams({ p: secret }).toString().replaceAll('+', '%20'),
      hex: Buffer.from(`x${secret}y`).toString('hex'),
    };
    const { token, ...others } = made;
    if (name === 'generated') Object.assign(others, { token });
    for (const [how, text] of Object.entries(others)) {
      const search = searchFor(SECRETS);
      search.searchText('place', how, text);
      expect(search.hits.map((hit) => [how, hit.secret])).toContainEqual([how, name]);
    }
  }
});

it('what is no secret is not found', () => {
  const search = searchFor(SECRETS);

  search.searchText('place', 'text', `${SECRETS.generated.slice(0, -1)}x ${SECRETS.typed.toUpperCase()}`);
  search.searchText('place', 'noise', randomBytes(1_000_000));

  expect(search.hits).toEqual([]);
});

it('a secret that chance would find is not searched for, but said', () => {
  expect(() => searchFor({ short: 'abc' })).toThrow('short is too short');
});

import fc from 'fast-check';
import {
  backstoreName,
  backstoreToken,
  fileUnder,
  imagePath,
  imageRoot,
  iqnToken,
  isNamedAsOurs,
  machineNames,
  portalFolder,
  portalOfFolder,
  portalToken,
  token,
} from './target-names';

test.each([
  'a b',
  'a\nb',
  'a\tb',
  "a'b",
  'a"b',
  'a`b',
  'a|b',
  'a{b',
  'a^b',
  'a%b',
  'a;b',
  'a$b',
  'a&b',
  'a=b',
  'a,b',
  'a\\b',
  'ä',
  'a\0b',
  '',
  '..',
  'a/../b',
])('%j never reaches a line of targetcli', (value) => {
  expect(() => token(value)).toThrow('characters that targetcli cannot carry');
});

test('whatever text passes has only characters of configshell’s paths and values', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
      let passed = true;
      try {
        token(text);
      } catch {
        passed = false;
      }
      if (passed) expect(text).toMatch(/^[A-Za-z0-9:_.[\]/-]+$/);
    }),
    { numRuns: 5_000 },
  );
});

test('a backstore is named after its disk, which must be a UUID', () => {
  expect(backstoreName('018f3a5e-0000-7000-8000-000000000001')).toBe('spindle-018f3a5e-0000-7000-8000-000000000001');
  expect(() => backstoreName('vol-1')).toThrow();
  expect(() => backstoreToken('a/b')).toThrow();
});

test.each([
  'iqn.2025-01.com:x',
  'iqn.2025-01.io.spindle:A',
  'iqn.2025-13.io.spindle:x',
  'iqn.2025-01.io.spindle:a_b',
  `iqn.2025-01.io.spindle:${'x'.repeat(224)}`,
])('%s is not a name that rtslib and the kernel keep as it is', (iqn) => {
  expect(() => iqnToken(iqn)).toThrow();
});

test.each([
  [{ address: '192.0.2.1', port: 3260 }, '192.0.2.1:3260'],
  [{ address: '2001:db8::1', port: 860 }, '[2001:db8::1]:860'],
])('the portal %j is the folder %s', (portal, folder) => {
  expect(portalFolder(portalToken(portal))).toBe(folder);
  expect(portalOfFolder(folder)).toEqual(portal);
});

test.each([
  { address: 'example.org', port: 3260 },
  { address: 'fe80::1%eth0', port: 3260 },
  { address: '192.0.2.1', port: 0 },
  { address: '192.0.2.1', port: 65536 },
])('%j is no portal', (portal) => {
  expect(() => portalToken(portal)).toThrow('a portal');
});

test('an image path is one file in the image folder, and short enough for the kernel to keep', () => {
  expect(imagePath('/srv/images/', 'a.img')).toBe('/srv/images/a.img');
  expect(() => imagePath('/srv/images', '../a.img')).toThrow();
  expect(() => imagePath('/srv/images', 'a,b.img')).toThrow();
  expect(() => imagePath(`/${'x'.repeat(120)}`, `${'y'.repeat(128)}.`)).toThrow();
  expect(imagePath(`/${'x'.repeat(120)}`, 'y'.repeat(128))).toHaveLength(250);
});

test.each(['images', '/srv/my images', '/srv/../etc', '/srv/a:b', '/'])('%s cannot be the image folder', (path) => {
  expect(() => imageRoot(path)).toThrow();
});

test('a machine’s names are made of its id under the prefix', () => {
  expect(machineNames('iqn.2025-01.io.spindle', 'pc-7')).toEqual({
    iqn: 'iqn.2025-01.io.spindle:pc-7',
    initiatorIqn: 'iqn.2025-01.io.spindle:m-pc-7',
  });
});

test.each([
  ['/images/a.img', 'a.img'],
  ['/images/sub/a.img', null],
  ['/images2/a.img', null],
  ['/images/.hidden', null],
  ['/images/', null],
  ['/dev/sda', null],
])('of the path %s only the name of an image file is told', (path, file) => {
  expect(fileUnder('/images/', path)).toBe(file);
});

test('a target is named as ours by the whole prefix and a UUID', () => {
  const prefix = 'iqn.2025-01.io.spindle';
  const id = '018f3a5e-0000-7000-8000-000000000001';

  expect(isNamedAsOurs(`${prefix}:${id}`, prefix)).toBe(true);
  for (const iqn of [`${prefix}:m-1`, `${prefix}2:${id}`, `${prefix}:${id}:x`, id, prefix]) expect(isNamedAsOurs(iqn, prefix)).toBe(false);
});

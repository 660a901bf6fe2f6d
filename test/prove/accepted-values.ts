import fc from 'fast-check';
import { CHAP_SECRET_PATTERN, ImageFile, Iqn, type Portal } from '#contracts';
import { backstoreName, imagePath, portalToken } from '../../apps/storage-node-executor/src/lio/target-names';

/** Values that the contract takes, drawn wide and kept only if the contract's own schema says yes. */

const lower = 'abcdefghijklmnopqrstuvwxyz0123456789';
const text = (alphabet: string, minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...alphabet), minLength, maxLength });

export const imageFiles = text(`${lower}${lower.toUpperCase()}_.-`, 1, 128).filter((file) => ImageFile.safeParse(file).success);

export const iqns = fc
  .record({
    year: fc.integer({ min: 0, max: 9_999 }).map((year) => String(year).padStart(4, '0')),
    month: fc.integer({ min: 1, max: 12 }).map((month) => String(month).padStart(2, '0')),
    domain: fc.array(text(`${lower}-`, 1, 12), { minLength: 2, maxLength: 6 }).map((labels) => labels.join('.')),
    name: fc.option(text(`${lower}.:-`, 1, 150)),
  })
  .map(({ year, month, domain, name }) => `iqn.${year}-${month}.${domain}${name === null ? '' : `:${name}`}`)
  .filter((iqn) => Iqn.safeParse(iqn).success);

export const backstores = fc.uuid().map(backstoreName);
export const serials = fc.uuid();
export const files = fc
  .tuple(fc.constantFrom('/srv/spindle/images', '/data/images', '/a', `/${'d'.repeat(100)}`), imageFiles)
  .map(([root, file]) => imagePath(root, file));

const isPortal = (portal: Portal): boolean => {
  try {
    portalToken(portal);
    return true;
  } catch {
    return false;
  }
};
export const portals = fc.record({ address: fc.oneof(fc.ipV4(), fc.ipV6()), port: fc.integer({ min: 1, max: 65_535 }) }).filter(isPortal);

export const secrets = text(`${lower}${lower.toUpperCase()}_.`, 12, 16).filter((secret) => CHAP_SECRET_PATTERN.test(secret));
export const luns = fc.integer({ min: 0, max: 255 });

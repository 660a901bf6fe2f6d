// `npm run supply-chain -- check | licences | sbom FILE`: what comes with us from others. The lock file is what is meant by "us".
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './prepare.mjs';

/** May be shipped with Apache-2.0 code as it is; each is a decision, so another one fails until somebody has made it. */
const ALLOWED = [
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'CC-BY-4.0',
  'ISC',
  'MIT',
  'MIT-0',
  'PostgreSQL',
  'Python-2.0',
  'Unlicense',
  'Zlib',
];
const LICENCES = join(root, 'docs/licences.md');

const read = (file) => JSON.parse(readFileSync(join(root, file), 'utf8'));
const packages = Object.entries(read('package-lock.json').packages).filter(([path]) => path !== '');
const shipped = packages.filter(([, { dev, devOptional }]) => !dev && !devOptional);
const nameOf = (path) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

/** `(A OR B)`: one of them will do. `(A AND B)`: both must. */
const isAllowed = (licence) =>
  licence
    .replace(/[()]/g, '')
    .split(/ OR /)
    .some((choice) => choice.split(/ AND /).every((one) => ALLOWED.includes(one.trim())));

/** What the package itself says; another platform's binaries are not installed, and the lock file has it from the registry. */
const licenceOf = ([path, { license }]) => {
  const manifest = join(root, path, 'package.json');
  const said = existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')) : {};
  return said.license?.type ?? said.license ?? said.licenses?.map(({ type }) => type).join(' OR ') ?? license ?? 'none';
};

const licences = () => {
  const rows = shipped.map((one) => ({ name: nameOf(one[0]), version: one[1].version, licence: licenceOf(one) }));
  const byLicence = Map.groupBy
    ? Map.groupBy(rows, ({ licence }) => licence)
    : rows.reduce((all, row) => all.set(row.licence, [...(all.get(row.licence) ?? []), row]), new Map());
  const sections = [...byLicence]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([licence, of]) => {
      const names = [...new Set(of.map(({ name, version }) => `${name} ${version}`))].sort();
      return `## ${licence}\n\n${names.length} packages: ${names.join(', ')}\n`;
    });
  const text = `# Licences of what is shipped\n\nWritten by \`npm run supply-chain -- licences\` from the lock file and the packages. Spindle itself is Apache-2.0. Packages for development and
tests are not shipped and not listed; programs of Debian that the storage lab uses are installed by name and not shipped either.\n\n${sections.join('\n')}`;
  return { text, refused: rows.filter(({ licence }) => !isAllowed(licence)) };
};

/**
 * The same for the same lock file: npm puts a number and a time of its own into each. Filtered here, since its `--omit dev` leaves out
 * whatever a development package needs as well.
 */
const sbom = () => {
  const npm = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'];
  const made = JSON.parse(execFileSync('npm', npm, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 2 ** 20 }));
  delete made.serialNumber;
  delete made.metadata.timestamp;
  const names = new Set(shipped.map(([path, { version }]) => `${nameOf(path)}@${version}`));
  made.components = made.components.filter((one) => names.has(one['bom-ref']));
  const refs = new Set([made.metadata.component['bom-ref'], ...made.components.map((one) => one['bom-ref'])]);
  made.dependencies = made.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((one) => refs.has(one)) }));
  return made;
};

/** @returns what is wrong, a line each */
const check = () => {
  const { allowScripts = {} } = read('package.json');
  const wrong = packages
    .filter(([path, { hasInstallScript }]) => hasInstallScript && !(nameOf(path) in allowScripts))
    .map(([path]) => `${nameOf(path)} has an install script and is not in allowScripts of package.json: say whether it may run`);
  wrong.push(
    ...packages
      .filter(([, { integrity, link }]) => !integrity && !link)
      .map(([path]) => `${nameOf(path)} has no checksum in package-lock.json`),
  );
  wrong.push(
    ...packages
      .filter(([, { resolved }]) => resolved && !/^https?:\/\/registry\./.test(resolved))
      .map(([path]) => `${nameOf(path)} does not come from the registry`),
  );
  const { text, refused } = licences();
  wrong.push(...refused.map(({ name, licence }) => `${name} has the licence ${licence}: decide whether it may be shipped`));
  if (!existsSync(LICENCES) || readFileSync(LICENCES, 'utf8') !== text)
    wrong.push('docs/licences.md is not what is shipped: npm run supply-chain -- licences');
  const { bomFormat, components } = sbom();
  const listed = new Set(components.map(({ name, version }) => `${name}@${version}`));
  const missing = shipped.filter(([path, { version, optional }]) => !optional && !listed.has(`${nameOf(path)}@${version}`));
  if (bomFormat !== 'CycloneDX' || missing.length > 0)
    wrong.push(`the bill of materials lacks ${missing.map(([path]) => nameOf(path)).join(', ') || 'everything'}`);
  return wrong;
};

const [verb, file] = process.argv.slice(2);
if (verb === 'licences') writeFileSync(LICENCES, licences().text);
else if (verb === 'sbom' && file) writeFileSync(file, `${JSON.stringify(sbom(), null, 2)}\n`);
else if (verb === 'check') {
  const wrong = check();
  for (const line of wrong) console.error(line);
  if (wrong.length === 0) console.log(`${shipped.length} packages are shipped: checksums, licences and bill of materials are right`);
  process.exit(wrong.length === 0 ? 0 : 1);
} else {
  console.error('npm run supply-chain -- check | licences | sbom FILE');
  process.exit(2);
}

import { readFileSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { projectRoot } from '#embedded';

interface Bug {
  name: string;
  file: string;
  search: string;
  jest: { spec: string; test?: string };
}

const root = projectRoot();
const textOf = (file: string): string => readFileSync(join(root, file), 'utf8');
const bugs = JSON.parse(textOf('test/chaos/planted-bugs.json')) as Bug[];

it.each(bugs)('$name has one place in the source where it can be planted, and its check is there', ({ file, search, jest: check }) => {
  expect(textOf(file).split(search)).toHaveLength(2);
  const specs = readdirSync(join(root, dirname(check.spec))).filter(
    (name) => name.startsWith(`${basename(check.spec)}.`) && name.endsWith('spec.ts'),
  );
  expect(specs).toHaveLength(1);
  expect(textOf(join(dirname(check.spec), specs[0]!))).toContain(check.test ?? '');
});

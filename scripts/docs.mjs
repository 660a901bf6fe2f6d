// Writes the generated documents into docs/ from what was built into dist/; with --check it only tells which differ.
import { readFileSync, writeFileSync } from 'node:fs';
import { asyncApiYaml } from './docs.asyncapi.mjs';
import { errorsPage } from './docs.errors.mjs';
import { lifecyclePage } from './docs.lifecycle.mjs';
import { metricsPage } from './docs.metrics.mjs';
import { openApiJson } from './docs.openapi.mjs';
import { settingsPage } from './docs.settings.mjs';

const DOCUMENTS = {
  'openapi.json': openApiJson,
  'asyncapi.yaml': asyncApiYaml,
  'errors.md': errorsPage,
  'metrics.md': metricsPage,
  'settings.md': settingsPage,
  'target-lifecycle.md': lifecyclePage,
};

const folder = new URL('../docs/', import.meta.url);
const check = process.argv.includes('--check');

const read = (file) => {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
};

let differing = 0;
for (const [name, make] of Object.entries(DOCUMENTS)) {
  const text = await make();
  const file = new URL(name, folder);
  if (read(file) === text) continue;
  differing++;
  if (!check) writeFileSync(file, text);
  console.log(check ? `docs/${name} is not what the code says` : `docs/${name} written`);
}

if (check && differing > 0) {
  console.error('Run npm run docs and commit what it writes.');
  process.exit(1);
}
if (differing === 0) console.log('docs/ is what the code says');

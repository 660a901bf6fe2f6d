// The harnesses are TypeScript and no part of the product's build: they are put beside that, file by file.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { transformFileSync } from '@swc/core';
import { root } from './prepare.mjs';

/** @param {string[]} folders below test/ */
export const compileHarness = (folders) => {
  for (const folder of folders.map((name) => join('test', name))) {
    mkdirSync(join(root, 'dist', folder), { recursive: true });
    for (const name of readdirSync(join(root, folder)).filter((file) => /(?<!\.spec)\.ts$/.test(file))) {
      const { code } = transformFileSync(join(root, folder, name), {
        jsc: {
          parser: { syntax: 'typescript', decorators: true },
          target: 'es2022',
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
        module: { type: 'commonjs' },
      });
      writeFileSync(join(root, 'dist', folder, name.replace(/\.ts$/, '.js')), code);
    }
  }
};

/** @param {string} variable of the environment that names it where there is no git */
export const commitOf = (variable) => {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty', '--exclude', '*'], { cwd: root, encoding: 'utf8' }).trim();
  } catch {
    return process.env[variable] ?? 'unknown';
  }
};

import js from '@eslint/js';
import prettier from 'eslint-config-prettier/flat';
import tseslint from 'typescript-eslint';

const specs = ['**/*.spec.ts', 'test/**', 'libs/embedded/test/**'];

export default tseslint.config(
  { ignores: ['dist/', '.spindle/', 'coverage/', 'node_modules/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // The rule leaves files with decorators alone: Nest reads the classes there at run time.
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports', disallowTypeAnnotations: false }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', caughtErrors: 'none' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // Errors of zod, pg and NATS come as unknown and are narrowed by hand; a template may hold a number.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true, allowRegExp: true }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-unsafe-enum-comparison': 'off',
      // A reason that never leaves its file may be a word.
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      // What health checks read before the start has come to it is assigned later.
      'prefer-const': ['error', { ignoreReadBeforeAssign: true }],
      // Colours of a terminal are taken out of what a tool prints.
      'no-control-regex': 'off',
      'no-console': 'error',
      'no-param-reassign': 'error',
      'max-lines': ['error', { max: 400 }],
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Settings are read once, in libs/runtime/src/env.ts.' },
      ],
    },
  },
  {
    files: ['**/*.ts'],
    // Lists that are read from top to bottom: the statements of a migration, and what the quickstart starts in which order.
    ignores: [...specs, 'apps/*/migrations/**'],
    rules: { 'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }] },
  },
  { files: ['libs/runtime/src/{env,crash-point}.ts', 'libs/embedded/**', 'test/**'], rules: { 'no-restricted-properties': 'off' } },
  // What a person started by hand speaks to that person.
  { files: ['apps/all-in-one/**', 'apps/storage-node-executor/src/doctor.ts'], rules: { 'no-console': 'off' } },
  {
    files: specs,
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/unbound-method': 'off',
      'preserve-caught-error': 'off',
    },
  },
  {
    files: ['**/*.mjs', '**/*.cjs', '**/*.js'],
    languageOptions: {
      globals: Object.fromEntries(
        ['process', 'console', 'module', 'require', 'URL', 'Buffer', 'setTimeout', 'fetch', 'structuredClone'].map((name) => [
          name,
          'readonly',
        ]),
      ),
    },
  },
  prettier,
);

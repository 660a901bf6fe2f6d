// execa and its family are ES modules only, and jest runs CommonJS on Node 20: they are transformed too.
const esmOnly = [
  'execa',
  '@sindresorhus',
  'figures',
  'get-stream',
  'human-signals',
  'is-plain-obj',
  'is-stream',
  'is-unicode-supported',
  'npm-run-path',
  'path-key',
  'parse-ms',
  'pretty-ms',
  'strip-final-newline',
  'unicorn-magic',
  'yoctocolors',
  '@sec-ant',
  '@seriousme',
];

const common = {
  testEnvironment: 'node',
  moduleFileExtensions: ['ts', 'js', 'mjs', 'json'],
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/.spindle'],
  moduleNameMapper: {
    '^#(contracts|messaging|runtime|tokens|database|embedded)$': '<rootDir>/libs/$1/src/index.ts',
    '^unicorn-magic$': '<rootDir>/node_modules/unicorn-magic/node.js',
  },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          parser: { syntax: 'typescript', decorators: true },
          target: 'es2022',
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
        module: { type: 'commonjs' },
      },
    ],
    '^.+\\.m?js$': ['@swc/jest', { jsc: { parser: { syntax: 'ecmascript' }, target: 'es2022' }, module: { type: 'commonjs' } }],
  },
  transformIgnorePatterns: [`/node_modules/(?!(${esmOnly.join('|')})/)`],
};

/** One project per row of the table in CONTRIBUTING.md: what a suffix or folder runs against. */
module.exports = {
  projects: [
    {
      ...common,
      displayName: 'unit',
      testRegex: '(apps|libs)/.*\\.spec\\.ts$',
      testPathIgnorePatterns: ['\\.int\\.spec\\.ts$', '/node_modules/'],
    },
    { ...common, displayName: 'int', testRegex: '(apps|libs)/.*\\.int\\.spec\\.ts$' },
    { ...common, displayName: 'lio', testRegex: 'test/lio/.*\\.spec\\.ts$' },
    { ...common, displayName: 'e2e', testRegex: 'test/e2e/.*\\.spec\\.ts$' },
    { ...common, displayName: 'chaos', testRegex: 'test/chaos/.*\\.spec\\.ts$' },
    { ...common, displayName: 'prove', testRegex: 'test/prove/.*\\.spec\\.ts$' },
  ],
};

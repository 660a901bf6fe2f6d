/** The import law of ARCHITECTURE.md. Paths are regular expressions; $1 is what the first group of `from` matched. */

const SPEC = '\\.spec\\.ts$';

/** No I/O, no clock, no framework: what a reader can check by thinking, and a test without starting anything. */
const PURE = [
  '^apps/targets-service/src/targets/(target-lifecycle|adoption)\\.ts$',
  '^apps/targets-service/src/reconcile/plan-target\\.ts$',
  '^apps/storage-node-executor/src/(plan-target|target-drift)\\.ts$',
  '^apps/storage-node-executor/src/lio/(target-names|target-state|targetcli-errors|targetcli-lines|wished-values|chap-credentials)\\.ts$',
  '^apps/audit-service/src/(subjects-of|merkle|canonical-json|entry-leaf|checkpoint-note|export-lines|verify-export)\\.ts$',
  '^libs/contracts/src/(bus-)?permissions\\.ts$',
];

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'In a cycle no file can be loaded or tested without the others. Types alone load nothing.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'apps-never-import-apps',
      comment: 'Services meet on the wire only; all-in-one may start them, and specs may take from it what starts them.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/', pathNot: ['^apps/all-in-one/', SPEC] },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'libs-never-import-apps',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^apps/' },
    },
    {
      name: 'contracts-import-zod-only',
      comment: 'The wire is read by clients, documents and tests, none of which want our stack with it.',
      severity: 'error',
      from: { path: '^libs/contracts/', pathNot: SPEC },
      to: { pathNot: ['^libs/contracts/src/', '^node_modules/zod/'] },
    },
    {
      name: 'apps-enter-a-lib-by-its-index',
      severity: 'error',
      from: { path: '^(apps|test)/' },
      to: { path: '^libs/', pathNot: '^libs/[^/]+/src/index\\.ts$' },
    },
    {
      name: 'libs-enter-a-lib-by-its-index',
      severity: 'error',
      from: { path: '^libs/([^/]+)/' },
      to: { path: '^libs/', pathNot: ['^libs/$1/', '^libs/[^/]+/src/index\\.ts$'] },
    },
    {
      name: 'a-lib-never-imports-its-own-index',
      comment: 'It would be a cycle through the door. Its specs come in by it, as everybody else.',
      severity: 'error',
      from: { path: '^libs/([^/]+)/src/', pathNot: [SPEC, '^libs/[^/]+/src/index\\.ts$'] },
      to: { path: '^libs/$1/src/index\\.ts$' },
    },
    {
      name: 'pure-files-import-contracts-only',
      comment: 'And each other. `net` is there for isIP, `crypto` for hashes and signatures: plain functions.',
      severity: 'error',
      from: { path: PURE },
      to: { pathNot: ['^libs/contracts/src/', '^(net|crypto|util)$', ...PURE] },
    },
    {
      name: 'processes-start-in-few-files',
      comment:
        'targetcli-session.ts and lock-session.ts in the product; libs/embedded for the quickstart; test/e2e starts that as a user would, test/prove gets in its way, test/bench times processes.',
      severity: 'error',
      from: {
        pathNot: ['^apps/storage-node-executor/src/lio/(targetcli|lock)-session\\.ts$', '^libs/embedded/', '^test/(bench|e2e|prove)/'],
      },
      to: { path: '^child_process$|^node_modules/(execa|cross-spawn)/' },
    },
    {
      name: 'nats-behind-messaging',
      comment: 'The client is to be replaced one day (docs/adr/0001): in one place.',
      severity: 'error',
      from: { pathNot: ['^(libs/(messaging|embedded)|test|examples)/', SPEC] },
      to: { path: '^node_modules/(nats|@nats-io)/' },
    },
    {
      name: 'sql-where-the-tables-are',
      severity: 'error',
      from: { pathNot: '^(libs/(database|embedded)|apps/(targets-service|audit-service)|test)/' },
      to: { path: '^node_modules/(typeorm|@nestjs/typeorm|pg|pg-[^/]+)/' },
    },
    {
      name: 'products-never-import-tests',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: [SPEC, '^libs/embedded/test/'] },
      to: { path: `^test/|^libs/embedded/test/|${SPEC}` },
    },
    {
      name: 'products-never-import-development-packages',
      comment: 'They are not in the image.',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: [SPEC, '^libs/embedded/test/'] },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only', 'npm'] },
    },
    {
      name: 'no-unlisted-packages',
      comment: 'What is there only because somebody else needs it may be gone after the next install.',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { conditionNames: ['types', 'import', 'require', 'node', 'default'], exportsFields: ['exports'] },
  },
};

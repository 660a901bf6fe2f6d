import { join } from 'node:path';
import fc from 'fast-check';
import { installPrerequisites, projectRoot, startConfigshell, type ParsedLine } from '#embedded';
import { linesOf } from '../../apps/storage-node-executor/src/lio/targetcli-lines';
import { TPG_ATTRIBUTES, TPG_PARAMETERS } from '../../apps/storage-node-executor/src/lio/wished-values';
import type { Step } from '../../apps/storage-node-executor/src/plan-target';
import { backstores, files, iqns, luns, portals, secrets, serials } from './accepted-values';
import type { Finding, Profile, Proof } from './proof';

const LINES: Record<Profile, number> = { short: 5_000, long: 100_000 };
const SEED = 20_260_101;
const AT_ONCE = 500;

/** A line as it is written, and what must arrive behind the parser: said here once more, and not taken from the line. */
interface Case {
  kind: string;
  line: string;
  values: number;
  expected: { path: string; command: string; positional: string[]; named: Record<string, string> };
}

export const proveParser: Proof = {
  name: 'parser',
  title: 'What is accepted reaches LIO as it is',
  run: async (profile, say): Promise<Finding> => {
    await installPrerequisites(['storage-lab'], say);
    const configshell = startConfigshell(join(projectRoot(), 'test/prove/parse-lines.py'));
    const counts = new Map<string, { lines: number; values: number; wrong: string[] }>();
    try {
      const wanted = fc.sample(cases, { seed: SEED, numRuns: LINES[profile] });
      for (let at = 0; at < wanted.length; at += AT_ONCE) {
        const some = wanted.slice(at, at + AT_ONCE);
        const parsed = await configshell.parse(some.map(({ line }) => line));
        for (const [index, one] of some.entries()) count(counts, one, parsed[index]!);
      }
    } finally {
      await configshell.stop();
    }
    const all = [...counts.values()];
    const sum = (of: (one: (typeof all)[number]) => number) => all.reduce((total, one) => total + of(one), 0).toLocaleString('en');
    const wrong = all.flatMap((one) => one.wrong);
    return {
      holds: wrong.length === 0,
      summary: `${sum(({ lines }) => lines)} lines with ${sum(({ values }) => values)} generated values, ${wrong.length} mismatches`,
      details: `Every line is made by the function that the executor uses (lio/targetcli-lines.ts) and read by the parser of Debian's configshell; seed ${SEED}.

| line | lines | generated values | mismatches |
| --- | --: | --: | --: |
${[...counts]
  .sort()
  .map(([kind, { lines, values, wrong: bad }]) => `| ${kind} | ${lines} | ${values} | ${bad.length} |`)
  .join('\n')}
${wrong
  .slice(0, 20)
  .map((line) => `- MISMATCH: ${JSON.stringify(line)}`)
  .join('\n')}`,
    };
  },
};

const count = (counts: Map<string, { lines: number; values: number; wrong: string[] }>, one: Case, parsed: ParsedLine): void => {
  const kept = counts.get(one.kind) ?? { lines: 0, values: 0, wrong: [] };
  counts.set(one.kind, kept);
  kept.lines++;
  kept.values += one.values;
  if (JSON.stringify(sorted(parsed)) !== JSON.stringify(sorted(one.expected))) kept.wrong.push(one.line);
};

/** By its names, since order says nothing. */
const sorted = (parsed: ParsedLine): unknown => ('error' in parsed ? parsed : { ...parsed, named: Object.entries(parsed.named).sort() });

const lineOf = (
  step: Step,
  values: number,
  path: string,
  command: string,
  named: Record<string, string | number>,
  positional: string[] = [],
): Case => ({
  kind: step.step,
  line: linesOf(step)[0]!,
  values,
  expected: { path, command, positional, named: Object.fromEntries(Object.entries(named).map(([name, value]) => [name, String(value)])) },
});

const tpg = (iqn: string): string => `/iscsi/${iqn}/tpg1`;
const acl = (iqn: string, initiatorIqn: string): string => `${tpg(iqn)}/acls/${initiatorIqn}`;

const cases: fc.Arbitrary<Case> = fc.oneof(
  fc.tuple(backstores, files, serials).map(([backstore, file, serial]) =>
    lineOf({ step: 'create-backstore', backstore, file, sizeBytes: 512, serial }, 3, '/backstores/fileio', 'create', {
      name: backstore,
      file_or_dev: file,
      write_back: 'false',
      wwn: serial,
    }),
  ),
  backstores.map((backstore) =>
    lineOf({ step: 'delete-unused-backstore', backstore }, 1, '/backstores/fileio', 'delete', { name: backstore }),
  ),
  iqns.map((iqn) => lineOf({ step: 'create-target', iqn }, 1, '/iscsi', 'create', { wwn: iqn })),
  iqns.map((iqn) => lineOf({ step: 'delete-target', iqn }, 1, '/iscsi', 'delete', { wwn: iqn })),
  iqns.map((iqn) => lineOf({ step: 'enable-tpg', iqn }, 1, tpg(iqn), 'enable', {})),
  iqns.map((iqn) =>
    lineOf({ step: 'set-tpg-attributes', iqn, attributes: TPG_ATTRIBUTES.set }, 1, tpg(iqn), 'set', TPG_ATTRIBUTES.set, ['attribute']),
  ),
  iqns.map((iqn) =>
    lineOf({ step: 'set-tpg-parameters', iqn, parameters: TPG_PARAMETERS.kept }, 1, tpg(iqn), 'set', TPG_PARAMETERS.kept, ['parameter']),
  ),
  fc.tuple(iqns, luns, backstores).map(([iqn, lun, backstore]) =>
    lineOf({ step: 'create-lun', iqn, lun, backstore }, 3, `${tpg(iqn)}/luns`, 'create', {
      storage_object: `/backstores/fileio/${backstore}`,
      lun,
      add_mapped_luns: 'false',
    }),
  ),
  fc
    .tuple(iqns, iqns)
    .map(([iqn, initiatorIqn]) =>
      lineOf({ step: 'create-acl', iqn, initiatorIqn }, 2, `${tpg(iqn)}/acls`, 'create', { wwn: initiatorIqn, add_mapped_luns: 'false' }),
    ),
  fc
    .tuple(iqns, iqns)
    .map(([iqn, initiatorIqn]) =>
      lineOf({ step: 'delete-acl', iqn, initiatorIqn }, 2, `${tpg(iqn)}/acls`, 'delete', { wwn: initiatorIqn }),
    ),
  fc.tuple(iqns, iqns, luns, fc.boolean()).map(([iqn, initiatorIqn, lun, readOnly]) =>
    lineOf({ step: 'map-lun', iqn, initiatorIqn, lun, tpgLun: lun, readOnly }, 3, acl(iqn, initiatorIqn), 'create', {
      mapped_lun: lun,
      tpg_lun_or_backstore: lun,
      write_protect: readOnly ? 1 : 0,
    }),
  ),
  fc.tuple(iqns, portals).map(([iqn, portal]) =>
    lineOf({ step: 'create-portal', iqn, portal }, 3, `${tpg(iqn)}/portals`, 'create', {
      ip_address: portal.address,
      ip_port: portal.port,
    }),
  ),
  // no line of ours: secrets go past targetcli. An administrator who restores them by hand must be able to
  fc.tuple(iqns, iqns, secrets).map(([iqn, initiatorIqn, secret]) => ({
    kind: 'a secret, by hand',
    line: `${acl(iqn, initiatorIqn)} set auth password=${secret}`,
    values: 3,
    expected: { path: acl(iqn, initiatorIqn), command: 'set', positional: ['auth'], named: { password: secret } },
  })),
);

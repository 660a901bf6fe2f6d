import type { SpindleForTests } from '../harness/spindle-for-tests';

/** What the kernel shows of one target and the disk behind it. */
export interface ExportedTarget {
  iqn: string;
  enabled: boolean;
  serial: string | null;
  /** Every value and link of its two folders: portal, LUN, ACL and attributes are among them. */
  lines: string[];
}

/**
 * All of LIO in two processes, since each costs some milliseconds in the lab. Left out is what counts, what shows who is logged
 * in, and what is drawn by lot: the number of a backstore's HBA and the name of a LUN's link.
 */
const DUMP_SCRIPT = `cd /sys/kernel/config/target || exit 1
find iscsi core -type l -printf '%h -> %l\\n'
grep -rs '' iscsi core --exclude-dir=statistics --exclude-dir=fabric_statistics --exclude-dir=pr \\
  --exclude=info --exclude=hba_info --exclude=alias --exclude=members --exclude=dynamic_sessions
true`;

const DUMP_LIMIT_MS = 600_000;

export const exportedTargets = async (spindle: SpindleForTests): Promise<ExportedTarget[]> =>
  parseDump((await spindle.lab.exec(DUMP_SCRIPT, { timeoutMs: DUMP_LIMIT_MS })).stdout);

export const parseDump = (text: string): ExportedTarget[] => {
  const targets = new Map<string, string[]>();
  const backstores = new Map<string, string[]>();
  for (const line of text.replace(/core\/[a-z]+_\d+\//g, 'core/').split('\n')) {
    const [kind, name = ''] = line.split('/');
    if (kind === 'core' || name.startsWith('iqn.')) append(kind === 'core' ? backstores : targets, name, line);
  }
  return [...targets].map(([iqn, lines]) => {
    const backstore = lines.flatMap((line) => / -> .*\/core\/(\S+)$/.exec(line)?.[1] ?? [])[0] ?? '';
    const disk = backstores.get(backstore) ?? [];
    const serial = disk.flatMap((line) => /vpd_unit_serial:.*: (\S+)$/.exec(line)?.[1] ?? [])[0] ?? null;
    return { iqn, enabled: lines.includes(`iscsi/${iqn}/tpgt_1/enable:1`), serial, lines: [...lines, ...disk].sort() };
  });
};

const append = (lists: Map<string, string[]>, key: string, line: string): void => {
  const list = lists.get(key);
  if (list) list.push(line);
  else lists.set(key, [line]);
};

export interface Differences {
  /** IQNs that were there and are not, or are not enabled. */
  missing: string[];
  /** IQNs that were not there before. */
  extra: string[];
  serials: string[];
  /** Values and links that are other than before, `-` before and `+` after. */
  values: string[];
}

export const differences = (before: ExportedTarget[], after: ExportedTarget[]): Differences => {
  const now = new Map(after.map((target) => [target.iqn, target]));
  const had = new Set(before.map(({ iqn }) => iqn));
  const pairs = before.flatMap((old) => {
    const found = now.get(old.iqn);
    return found ? [{ old, found }] : [];
  });
  return {
    missing: before.map(({ iqn }) => iqn).filter((iqn) => !now.get(iqn)?.enabled),
    extra: [...now.keys()].filter((iqn) => !had.has(iqn)),
    serials: pairs.filter(({ old, found }) => old.serial !== found.serial).map(({ old }) => old.iqn),
    values: pairs.flatMap(({ old, found }) => changedLines(old.lines, found.lines)),
  };
};

const changedLines = (before: string[], after: string[]): string[] => {
  const [had, has] = [new Set(before), new Set(after)];
  return [
    ...before.filter((line) => !has.has(line)).map((line) => `-${line}`),
    ...after.filter((line) => !had.has(line)).map((line) => `+${line}`),
  ];
};

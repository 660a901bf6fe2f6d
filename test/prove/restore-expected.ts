import type { NodePlanResponse } from '#contracts';
import type { SpindleForTests } from '../harness/spindle-for-tests';

/** A record of a target, as far as a plan depends on it. */
export interface Row {
  id: string;
  iqn: string;
  image_id: string;
  status: string;
  operation: string | null;
  generation: number;
  chap_version: number;
}

export interface Expected {
  action: 'create' | 'change' | 'delete' | 'leave';
  raise_to: number | null;
}

export const readRows = async ({ sql }: SpindleForTests): Promise<Map<string, Row>> => {
  const rows = await sql<Row>('SELECT id, iqn, image_id, status, operation, generation, chap_version FROM targets.targets ORDER BY id');
  return new Map(rows.map((row) => [row.id, row]));
};

/**
 * What a plan must say, from the records that were lost: the node has met each of their wishes. Written apart from the product, which has
 * the restored records and the node only.
 * @param edited targets that somebody changed by hand on the node
 */
export const expectedPlan = (restored: Map<string, Row>, lost: Map<string, Row>, edited: Set<string>): Map<string, Expected> => {
  const expected = new Map<string, Expected>();
  for (const row of restored.values()) {
    const last = lost.get(row.id);
    if (!last || row.status === 'INACTIVE') continue;
    const raise_to = last.generation > row.generation ? last.generation + 1 : null;
    const isThere = last.status === 'ACTIVE';
    const differs = last.chap_version !== row.chap_version || edited.has(row.id);
    const wanted: Expected['action'] = isThere ? (differs ? 'change' : 'leave') : 'create';
    const action = row.operation === 'delete' ? (isThere ? 'delete' : 'leave') : wanted;
    if (action !== 'leave' || raise_to !== null) expected.set(row.id, { action, raise_to });
  }
  return expected;
};

export const orphansOf = (restored: Map<string, Row>, lost: Map<string, Row>): string[] =>
  [...lost.values()].filter(({ id, status }) => status === 'ACTIVE' && !restored.has(id)).map(({ iqn }) => iqn);

/** Where a plan says something else than is expected. */
export const planFaults = (plan: NodePlanResponse, expected: Map<string, Expected>, orphans: string[]): string[] => {
  const faults: string[] = [];
  const told = new Map(plan.targets.map((target) => [target.target_id, target]));
  for (const [id, { action, raise_to }] of expected) {
    const one = told.get(id);
    if (one?.action !== action || one.raise_to !== raise_to)
      faults.push(`${id}: ${one ? `${one.action}, raised to ${one.raise_to}` : 'not named'}; expected ${action}, raised to ${raise_to}`);
  }
  for (const { target_id, action } of plan.targets)
    if (!expected.has(target_id)) faults.push(`${target_id}: ${action}, and nothing is to be done`);
  const adoptable = plan.adoptable.map(({ iqn }) => iqn).sort();
  if (adoptable.join() !== [...orphans].sort().join()) faults.push(`adoptable: ${adoptable.join()}; expected ${orphans.join()}`);
  if (plan.omitted > 0) faults.push(`${plan.omitted} targets are left out of the plan`);
  return faults;
};

/** Lines of two trees of the kernel that differ and are not of the targets that were to be touched. */
export const strayChanges = (before: string, after: string, touched: Row[]): string[] => {
  const [was, is] = [new Set(before.split('\n')), new Set(after.split('\n'))];
  const changed = [...[...was].filter((line) => !is.has(line)), ...[...is].filter((line) => !was.has(line))];
  const names = touched.flatMap(({ iqn, image_id }) => [iqn, `spindle-${image_id}`]);
  const hbas = changed.flatMap((line) => {
    const [, hba, backstore] = /core\/(fileio_\d+)\/([^/]+)/.exec(line) ?? [];
    return hba && names.includes(backstore!) ? [new RegExp(`core/${hba}(/|$|:)`)] : [];
  });
  return changed.filter((line) => !names.some((name) => line.includes(name)) && !hbas.some((hba) => hba.test(line)));
};

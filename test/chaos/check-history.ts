import type { Facts, KernelTarget, TargetRow, Violation } from './history';

type Say = (kind: Violation['kind'], what: string) => void;

/** Every way in which what was promised does not hold. Pure: facts in, violations out. */
export const checkHistory = (facts: Facts): Violation[] => {
  const violations: Violation[] = [];
  const say: Say = (kind, what) => violations.push({ kind, what });
  for (const check of [answers, acknowledged, oneEach, kernelAsAsked, orphans, events, trail]) check(facts, say);
  return violations;
};

/** G10: a retried request has one outcome. */
const answers = ({ operations }: Facts, say: Say): void => {
  for (const { key, action, racing, acknowledged: ids, refused, unanswered } of operations) {
    if (unanswered) say('answer', `${action} ${key} was never answered`);
    if (new Set(ids).size > 1) say('doubled', `${action} ${key} was acknowledged with ${[...new Set(ids)].join(' and ')}`);
    if (ids.length > 0 && refused.length > 0) say('answer', `${action} ${key} was acknowledged and refused (${refused.join(', ')})`);
    for (const code of refused) if (!racing || code !== 'MACHINE_HAS_TARGET') say('answer', `${action} ${key} was refused with ${code}`);
  }
};

/** G1: what was acknowledged is there. */
const acknowledged = ({ operations, targets, mayFailWith }: Facts, say: Say): void => {
  const rows = new Map(targets.map((row) => [row.id, row]));
  const deleted = new Set(operations.filter(({ action }) => action === 'delete').flatMap(({ acknowledged: ids }) => ids));
  const attempted = new Set(operations.filter(({ action }) => action === 'delete').map(({ target }) => target));
  for (const { action, key, acknowledged: ids } of operations)
    for (const id of new Set(ids)) {
      const row = rows.get(id);
      if (!row) say('lost', `${action} ${key} was acknowledged, and there is no target ${id}`);
      else if (row.operation !== null) say('late', `${action} ${key}: target ${id} is still ${row.operation}`);
      else if (deleted.has(id) && row.status !== 'INACTIVE') say('lost', `target ${id} was deleted and is ${row.status}`);
      else if (row.status === 'ERROR' && mayFailWith.includes(row.error ?? '')) continue;
      else if (!attempted.has(id) && row.status !== 'ACTIVE') say('lost', `target ${id} is ${row.status} (${row.error})`);
    }
  const created = new Set(operations.filter(({ action }) => action === 'create').flatMap(({ acknowledged: ids }) => ids));
  for (const { id } of targets) if (!created.has(id)) say('doubled', `target ${id} exists, and nobody was told of it`);
};

/** G5: one live target per machine, in the database and in the kernel. */
const oneEach = ({ targets, kernel }: Facts, say: Say): void => {
  const live = targets.filter(({ status, operation }) => status === 'ACTIVE' || operation !== null);
  for (const [machine, rows] of grouped(live, (row) => row.machine_id))
    if (rows.length > 1) say('doubled', `machine ${machine} has ${rows.length} live targets`);
  const admitted = kernel.targets.flatMap(({ iqn, acls }) => acls.map(({ initiator }) => ({ iqn, initiator })));
  for (const [initiator, found] of grouped(admitted, (acl) => acl.initiator))
    if (found.length > 1) say('doubled', `the kernel has ${found.length} targets for ${initiator}`);
};

/** G1 and G7: what is ACTIVE is in the kernel, and what the kernel has enabled is as asked. */
const kernelAsAsked = ({ targets, kernel }: Facts, say: Say): void => {
  const rows = new Map(targets.map((row) => [row.iqn, row]));
  for (const row of targets.filter(({ status }) => status === 'ACTIVE')) {
    const found = kernel.targets.find(({ iqn }) => iqn === row.iqn);
    if (!found) say('lost', `${row.iqn} is ACTIVE and not in the kernel`);
    else if (!found.enabled) say('lost', `${row.iqn} is ACTIVE and not enabled`);
  }
  for (const found of kernel.targets.filter(({ enabled }) => enabled)) {
    const wrong = wrongIn(found, rows.get(found.iqn));
    if (wrong) say('open', `${found.iqn} is enabled and has ${wrong}`);
  }
};

export const wrongIn = (found: KernelTarget, row: TargetRow | undefined): string | undefined => {
  if (found.generatesAcls) return 'no need of an ACL';
  if (!row) return undefined;
  const [acl, ...others] = found.acls;
  const [mapped, ...more] = acl?.luns ?? [];
  const [lun, ...otherLuns] = found.luns;
  if (!acl || others.length > 0 || acl.initiator !== row.initiator_iqn) return 'other initiators than asked';
  if (!mapped || more.length > 0 || mapped.lun !== 0 || mapped.readOnly !== row.read_only) return 'another mapped LUN than asked';
  if (!lun || otherLuns.length > 0 || !lun.backstore.includes(row.disk_id)) return 'another LUN than asked';
  return found.tpgs === 1 && found.portals === 1 ? undefined : `${found.tpgs} TPGs and ${found.portals} portals`;
};

/** G6: whatever LIO or the journal has belongs to a target that is there. */
const orphans = ({ targets, kernel, journal }: Facts, say: Say): void => {
  const wanted = targets.filter(({ status, operation }) => status === 'ACTIVE' || operation !== null);
  const iqns = new Set(wanted.map(({ iqn }) => iqn));
  const disks = wanted.map(({ disk_id }) => disk_id);
  for (const { iqn } of kernel.targets) if (!iqns.has(iqn)) say('orphaned', `the kernel has ${iqn}, which nobody wants`);
  for (const name of kernel.backstores)
    if (!disks.some((disk) => name.includes(disk))) say('orphaned', `the kernel has the backstore ${name}, which nobody wants`);
  for (const iqn of journal.live) if (!iqns.has(iqn)) say('orphaned', `the journal has ${iqn}, which nobody wants`);
  for (const name of journal.backstores)
    if (!kernel.backstores.includes(name)) say('orphaned', `the journal has the backstore ${name}, which the kernel has not`);
};

/** G3 and G4: versions without gaps, each one event, in the outbox and in the stream. */
const events = ({ targets, outbox, unpublished, stream, streamWiped }: Facts, say: Say): void => {
  if (unpublished > 0) say('late', `${unpublished} messages are not published`);
  const published = new Map<string, number>();
  for (const { id } of stream) published.set(id, (published.get(id) ?? 0) + 1);
  for (const [id, times] of published) if (times > 1 && !streamWiped) say('events', `event ${id} is ${times} times in the stream`);
  for (const { id, version } of targets) {
    const expected = [...Array(version)].map((_, i) => i + 1).join();
    const written = outbox.filter((row) => row.kind === 'event' && row.target === id).map(({ sequence }) => sequence);
    if (written.join() !== expected) say('events', `target ${id} is at version ${version} with the events ${written.join()}`);
    const seen = stream.filter(({ target }) => target === id).map(({ sequence }) => sequence);
    const once = seen.filter((sequence, at) => seen.indexOf(sequence) === at);
    if ((streamWiped ? once : seen).join() !== expected) say('events', `the stream has ${seen.join()} of target ${id}, version ${version}`);
  }
};

/** G13: each change one record, in order, and no place of the trail missing. */
const trail = ({ targets, outbox, entries, trailGaps }: Facts, say: Say): void => {
  if (trailGaps !== 0) say('audit', `${trailGaps} places of the trail are missing`);
  const places = new Map(entries.map(({ id, seq }) => [id, seq]));
  for (const { id, version } of targets) {
    const intents = outbox.filter((row) => row.kind === 'audit' && row.target === id && !row.denied);
    if (intents.length !== version) say('audit', `target ${id} is at version ${version} with ${intents.length} audit intents`);
    const seqs = intents.map(({ message_id }) => places.get(message_id));
    if (seqs.includes(undefined)) say('audit', `target ${id} has changes that the trail does not know`);
    else if (seqs.some((seq, at) => at > 0 && seq! <= seqs[at - 1]!)) say('audit', `the trail has target ${id} in another order`);
  }
};

const grouped = <T>(items: T[], key: (item: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
};

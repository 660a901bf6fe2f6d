import { EVENTS_STREAM } from '#messaging';
import type { SpindleForTests } from '../harness/spindle-for-tests';
import type { Facts, KernelTarget, Operation, OutboxRow, TargetRow } from './history';

/** One line an object; the shell reads files by itself, since every process costs some milliseconds in the lab. */
const KERNEL_SCRIPT = `cd /sys/kernel/config/target 2>/dev/null || exit 0
for tpg in iscsi/iqn*/tpgt_*; do
  [ -d "$tpg" ] || continue
  t=\${tpg#iscsi/}; t=\${t%%/tpgt_*}
  read -r on < "$tpg/enable"; read -r gen < "$tpg/attrib/generate_node_acls"
  echo "tpg $t $on $gen"
  for np in "$tpg"/np/*; do [ -d "$np" ] && echo "portal $t"; done
  for lun in "$tpg"/lun/lun_*; do
    for link in "$lun"/*; do [ -L "$link" ] && cd "$link" 2>/dev/null && { b=$(pwd -P); echo "lun $t \${lun##*lun_} \${b##*/}"; cd - >/dev/null; }; done
  done
  for acl in "$tpg"/acls/*; do
    [ -d "$acl" ] || continue
    echo "acl $t \${acl##*/}"
    for map in "$acl"/lun_*; do [ -d "$map" ] && read -r wp < "$map/write_protect" && echo "map $t \${acl##*/} \${map##*lun_} $wp"; done
  done
done
for target in iscsi/iqn*; do [ -d "$target" ] && echo "target \${target#iscsi/}"; done
for store in core/*/*; do [ -e "$store/udev_path" ] && echo "backstore \${store##*/}"; done
true`;

/** What the kernel shows now. */
export const observeKernel = async (spindle: SpindleForTests): Promise<Facts['kernel']> => {
  const { stdout } = await spindle.lab.exec(KERNEL_SCRIPT);
  const targets = new Map<string, KernelTarget>();
  const backstores: string[] = [];
  const at = (iqn: string): KernelTarget => {
    const known = targets.get(iqn) ?? { iqn, tpgs: 0, enabled: false, generatesAcls: false, luns: [], acls: [], portals: 0 };
    targets.set(iqn, known);
    return known;
  };
  for (const line of stdout.split('\n')) {
    const [kind, name = '', a = '', b = '', c = ''] = line.split(' ');
    if (kind === 'backstore') backstores.push(name);
    else if (kind === 'target') at(name);
    else if (kind === 'tpg') {
      const target = at(name);
      Object.assign(target, {
        tpgs: target.tpgs + 1,
        enabled: target.enabled || a === '1',
        generatesAcls: target.generatesAcls || b === '1',
      });
    } else if (kind === 'portal') at(name).portals++;
    else if (kind === 'lun') at(name).luns.push({ lun: Number(a), backstore: b });
    else if (kind === 'acl') at(name).acls.push({ initiator: a, luns: [] });
    else if (kind === 'map')
      at(name)
        .acls.find(({ initiator }) => initiator === a)
        ?.luns.push({ lun: Number(b), readOnly: c === '1' });
  }
  return { targets: [...targets.values()], backstores };
};

const observeJournal = async (spindle: SpindleForTests): Promise<Facts['journal']> => {
  const { stdout } = await spindle.lab.exec('cat /var/lib/spindle/journal.ndjson 2>/dev/null || true');
  const live = new Map<string, string>();
  const backstores = new Set<string>();
  for (const text of stdout.split('\n')) {
    const line = parsed(text);
    if (line?.target?.phase === 'absent') live.delete(line.target.wish.target_id);
    else if (line?.target) live.set(line.target.wish.target_id, line.target.wish.iqn);
    if (line?.backstore?.ours) backstores.add(line.backstore.name);
    else if (line?.backstore) backstores.delete(line.backstore.name);
  }
  return { live: [...live.values()], backstores: [...backstores] };
};

interface JournalLine {
  target?: { phase: string; wish: { target_id: string; iqn: string } };
  backstore?: { name: string; ours: boolean };
}

const parsed = (text: string): JournalLine | undefined => {
  try {
    return JSON.parse(text) as JournalLine;
  } catch {
    return undefined;
  }
};

const TARGET_COLUMNS = `id, iqn, machine_id, initiator_iqn, status, operation, version, read_only, disk_id, last_error->>'code' AS error`;

export const targetsSince = (spindle: SpindleForTests, since: Date): Promise<TargetRow[]> =>
  spindle.sql<TargetRow>(`SELECT ${TARGET_COLUMNS} FROM targets.targets WHERE created_at >= $1 ORDER BY id`, [since]);

/** Everything, read when nothing moves any more. */
export const observe = async (
  spindle: SpindleForTests,
  run: { since: Date; streamStart: number; streamWiped: boolean; mayFailWith: readonly string[]; operations: Operation[] },
): Promise<Facts> => {
  const targets = await targetsSince(spindle, run.since);
  const ids = targets.map(({ id }) => id);
  const outbox = await spindle.sql<OutboxRow>(
    `SELECT position::int, message_id, CASE WHEN subject LIKE 'audit-intent.%' THEN 'audit' ELSE 'event' END AS kind,
            coalesce(body->>'subject', body->'resource'->>'id') AS target, (body->>'sequence')::int AS sequence,
            coalesce(body->>'outcome' = 'denied' OR body->>'action' = 'secrets.shown', false) AS denied
     FROM targets.outbox
     WHERE (subject LIKE 'target.%' AND body->>'subject' = ANY($1)) OR (subject LIKE 'audit-intent.%' AND body->'resource'->>'id' = ANY($1))
     ORDER BY position`,
    [ids],
  );
  const [counts] = await spindle.sql<{ unpublished: number; gaps: number }>(
    `SELECT (SELECT count(*) FROM targets.outbox_waiting)::int AS unpublished,
            (SELECT coalesce(max(seq), 0) - count(*) FROM audit.entries)::int AS gaps`,
  );
  const entries = await spindle.sql<{ seq: string; id: string }>('SELECT seq, id FROM audit.entries WHERE id = ANY($1)', [
    outbox.filter(({ kind }) => kind === 'audit').map(({ message_id }) => message_id),
  ]);
  return {
    operations: run.operations,
    targets,
    kernel: await observeKernel(spindle),
    journal: await observeJournal(spindle),
    outbox,
    unpublished: counts!.unpublished,
    stream: await observeStream(spindle, run.streamWiped ? 1 : run.streamStart, new Set(ids)),
    streamWiped: run.streamWiped,
    entries: entries.map(({ seq, id }) => ({ seq: Number(seq), id })),
    trailGaps: counts!.gaps,
    mayFailWith: run.mayFailWith,
  };
};

/** The place that the next event will have. */
export const streamEnd = async (spindle: SpindleForTests): Promise<number> => {
  const manager = await spindle.adminBus.jetstreamManager();
  return (await manager.streams.info(EVENTS_STREAM)).state.last_seq + 1;
};

const observeStream = async (spindle: SpindleForTests, start: number, targets: Set<string>): Promise<Facts['stream']> => {
  const manager = await spindle.adminBus.jetstreamManager();
  const { first_seq, last_seq } = (await manager.streams.info(EVENTS_STREAM)).state;
  const found: Facts['stream'] = [];
  for (let seq = Math.max(start, first_seq); seq <= last_seq; seq++) {
    const event = (await manager.streams.getMessage(EVENTS_STREAM, { seq })).json<{ id: string; subject: string; sequence: number }>();
    if (targets.has(event.subject)) found.push({ id: event.id, target: event.subject, sequence: event.sequence });
  }
  return found;
};

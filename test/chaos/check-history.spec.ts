import { checkHistory } from './check-history';
import type { Facts } from './history';

/** One machine with a target that was made, and one whose target was made and deleted. */
const goodFacts = (): Facts => ({
  operations: [
    { ...command('create', 'k1'), acknowledged: ['t1'] },
    { ...command('create', 'k2'), machine: 'm2', acknowledged: ['t2', 't2'] },
    { ...command('delete', 'k3'), machine: 'm2', target: 't2', acknowledged: ['t2'] },
  ],
  targets: [
    { ...row('t1', 'm1'), status: 'ACTIVE', version: 2 },
    { ...row('t2', 'm2'), status: 'INACTIVE', version: 4 },
  ],
  kernel: {
    targets: [
      {
        iqn: 'iqn:t1',
        tpgs: 1,
        enabled: true,
        generatesAcls: false,
        luns: [{ lun: 0, backstore: 'spindle-disk-t1' }],
        acls: [{ initiator: 'init-m1', luns: [{ lun: 0, readOnly: false }] }],
        portals: 1,
      },
    ],
    backstores: ['spindle-disk-t1'],
  },
  journal: { live: ['iqn:t1'], backstores: ['spindle-disk-t1'] },
  outbox: ['t1:1', 't1:2', 't2:1', 't2:2', 't2:3', 't2:4'].flatMap((text, at) => {
    const [target = '', sequence] = text.split(':');
    const event = { position: 2 * at, message_id: `e-${text}`, kind: 'event' as const, target, sequence: Number(sequence), denied: false };
    return [event, { ...event, position: 2 * at + 1, message_id: `a-${text}`, kind: 'audit' as const, sequence: null }];
  }),
  unpublished: 0,
  stream: ['t1:1', 't2:1', 't1:2', 't2:2', 't2:3', 't2:4'].map((text) => {
    const [target = '', sequence] = text.split(':');
    return { id: `e-${text}`, target, sequence: Number(sequence) };
  }),
  streamWiped: false,
  entries: ['t1:1', 't1:2', 't2:1', 't2:2', 't2:3', 't2:4'].map((text, at) => ({ seq: at + 1, id: `a-${text}` })),
  trailGaps: 0,
  mayFailWith: [],
});

const command = (action: 'create' | 'delete', key: string) => ({
  machine: 'm1',
  action,
  via: 'http' as const,
  key,
  racing: false,
  attempts: 1,
  acknowledged: [] as string[],
  refused: [] as string[],
  unanswered: false,
  settledAt: 0,
});

const row = (id: string, machine_id: string) => ({
  id,
  iqn: `iqn:${id}`,
  machine_id,
  initiator_iqn: `init-${machine_id}`,
  operation: null,
  read_only: false,
  disk_id: `disk-${id}`,
  error: null,
});

it('finds nothing wrong with a good history', () => expect(checkHistory(goodFacts())).toEqual([]));

it.each<[string, string, (facts: Facts) => void]>([
  ['lost', 'an acknowledged target without a row', ({ targets }) => targets.shift()],
  ['lost', 'an ACTIVE target that the kernel lacks', ({ kernel }) => kernel.targets.pop()],
  ['lost', 'an ACTIVE target that is disabled', ({ kernel }) => (kernel.targets[0]!.enabled = false)],
  ['lost', 'an acknowledged delete that was not done', ({ targets }) => (targets[1]!.status = 'ACTIVE')],
  ['lost', 'an acknowledged create that failed', ({ targets }) => (targets[0]!.status = 'ERROR')],
  ['doubled', 'two targets for one key', ({ operations }) => operations[0]!.acknowledged.push('t9')],
  ['doubled', 'two live targets of one machine', (facts) => facts.targets.push({ ...facts.targets[0]!, id: 't3' })],
  ['doubled', 'two kernel targets for one initiator', ({ kernel }) => kernel.targets.push({ ...kernel.targets[0]!, iqn: 'iqn:t3' })],
  ['orphaned', 'a kernel target of nobody', ({ kernel }) => kernel.targets.push({ ...kernel.targets[0]!, iqn: 'iqn:x', acls: [] })],
  ['orphaned', 'a backstore of nobody', ({ kernel }) => kernel.backstores.push('spindle-disk-t2')],
  ['orphaned', 'a journal entry of nobody', ({ journal }) => journal.live.push('iqn:t2')],
  ['open', 'an enabled target without an ACL', ({ kernel }) => (kernel.targets[0]!.acls = [])],
  ['open', 'an enabled target that needs no ACL', ({ kernel }) => (kernel.targets[0]!.generatesAcls = true)],
  ['open', 'a writable LUN that should be read-only', ({ targets }) => (targets[0]!.read_only = true)],
  ['open', 'an enabled target without its LUN', ({ kernel }) => (kernel.targets[0]!.luns = [])],
  ['events', 'a version without an event', ({ outbox }) => outbox.splice(2, 1)],
  ['events', 'an event twice in the stream', ({ stream }) => stream.push(stream[5]!)],
  ['events', 'events out of order', ({ stream }) => stream.reverse()],
  ['events', 'an event that the stream lacks', ({ stream }) => stream.pop()],
  ['audit', 'a change without a record', ({ entries }) => entries.pop()],
  ['audit', 'records in another order', ({ entries }) => ([entries[2]!.seq, entries[3]!.seq] = [9, 8])],
  ['audit', 'a gap in the trail', (facts) => (facts.trailGaps = 1)],
  ['answer', 'a request that is never answered', ({ operations }) => (operations[0]!.unanswered = true)],
  ['answer', 'a retry that is refused', ({ operations }) => operations[0]!.refused.push('MACHINE_HAS_TARGET')],
  ['late', 'an operation without an end', ({ targets }) => (targets[0]!.operation = 'create')],
  ['late', 'a message that is not published', (facts) => (facts.unpublished = 1)],
])('%s: %s', (kind, _, spoil) => {
  const facts = goodFacts();
  spoil(facts);
  expect(checkHistory(facts).map((violation) => violation.kind)).toContain(kind);
});

it('lets a create fail in a way that its fault brings about, and in no other', () => {
  const facts = { ...goodFacts(), mayFailWith: ['TARGETCLI_TIMEOUT'] };
  Object.assign(facts.targets[0]!, { status: 'ERROR', error: 'TARGETCLI_TIMEOUT' });
  Object.assign(facts, { kernel: { targets: [], backstores: [] }, journal: { live: [], backstores: [] } });
  const other = { ...facts, targets: facts.targets.map((row) => ({ ...row, error: 'READ_BACK_MISMATCH' })) };

  expect(checkHistory(facts)).toEqual([]);
  expect(checkHistory({ ...other, targets: [other.targets[0]!, facts.targets[1]!] }).map(({ kind }) => kind)).toEqual(['lost']);
});

it('lets one of two rivals be refused', () => {
  const facts = goodFacts();
  facts.operations.push({ ...command('create', 'k4'), racing: true, refused: ['MACHINE_HAS_TARGET'] });
  expect(checkHistory(facts)).toEqual([]);
});

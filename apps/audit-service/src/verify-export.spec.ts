import { generateKeyPairSync } from 'node:crypto';
import { signCheckpoint, type Checkpoint } from './checkpoint-note';
import { leafOf, type LeafEntry } from './entry-leaf';
import { checkpointLine, entryLine, headerLine } from './export-lines';
import { TreeEdge, foldHashes, inclusionRanges, nodeHash } from './merkle';
import { DROP_ACTION, ExportVerifier, type Verdict } from './verify-export';

const origin = 'spindle.example/audit';
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const signer = { origin, privateKey };

const entry = (seq: number, more: Partial<LeafEntry> = {}): LeafEntry => ({
  id: `id-${seq}`,
  seq,
  time: '2026-01-01T00:00:00.000Z',
  recorded_at: '2026-01-01T00:00:00.001Z',
  actor: 'ada',
  source: 'nats',
  action: 'targets.create',
  resource: { type: 'target', id: `t-${seq}` },
  outcome: 'allowed',
  code: null,
  request_id: 'r',
  before: null,
  after: { text: `ä "quoted" ${seq}` },
  target_id: null,
  machine_id: null,
  ...more,
});

const trail = (entries: LeafEntry[]) => entries.map((one) => entryLine(one, { leaf: leafOf(one) }));
const headOf = (entries: LeafEntry[]): Checkpoint => {
  const edge = new TreeEdge();
  for (const one of entries) edge.add(leafOf(one));
  return { origin, size: entries.length, root: edge.root() };
};
const signed = ({ size, root }: Checkpoint) => checkpointLine(signCheckpoint(signer, size, root));

const ten = [...Array(10).keys()].map((at) => entry(at + 1));
const header = headerLine({ origin, size: 10, filters: {}, before: { size: 0, subtrees: [] } });
const whole = [header, ...trail(ten.slice(0, 6)), signed(headOf(ten.slice(0, 6))), ...trail(ten.slice(6)), signed(headOf(ten))];

const verdictOn = (lines: string[], outside: Checkpoint[] = []): Verdict => {
  const verifying = new ExportVerifier({ origin, publicKey }, outside);
  for (const line of lines) verifying.read(line);
  return verifying.end();
};
const replaced = (at: number, ...lines: string[]) => [...whole.slice(0, at), ...lines, ...whole.slice(at + 1)];

it('believes a trail that is as it was signed', () => {
  expect(verdictOn(whole, [headOf(ten.slice(0, 3)), headOf(ten)])).toEqual({
    fault: null,
    entries: 10,
    isPart: false,
    provenTo: 10,
    root: headOf(ten).root,
    heads: 2,
    dropped: 0,
    unseen: 0,
  });
});

const changed = entry(3, { actor: 'eve' });

it.each([
  ['an entry that was changed', replaced(3, entryLine(changed, { leaf: leafOf(ten[2]!) })), 3, 'not the one that was recorded'],
  ['an entry that was changed with its hash', replaced(3, ...trail([changed])), 1, 'an entry from 1 to 6'],
  ['one behind the first head, with its hash', replaced(8, ...trail([entry(7, { actor: 'eve' })])), 7, 'an entry from 7 to 10'],
  ['an entry that was taken out', replaced(3), 3, 'entry 3 is missing'],
  [
    'one that was taken out, with the others moved up',
    [header, ...trail(ten.slice(1).map((one, at) => entry(at + 1, { id: one.id })))],
    10,
    'ends before entry 10',
  ],
  ['an entry that was put in', replaced(3, whole[3]!, ...trail([entry(3)])), 4, 'out of its place'],
  ['two entries that changed places', replaced(3, whole[4]!, whole[3]!), 3, 'out of its place'],
  ['entries cut off at the end', whole.slice(0, -3), 9, 'ends before entry 9'],
  ['a signed head cut off at the end', whole.slice(0, -1), 7, 'no signed head covers the entries from 7'],
  ['another form of the same entry', replaced(3, whole[3]!.replace('"actor":', '"actor": ')), 3, 'not the one that was recorded'],
  [
    'a head that somebody else signed',
    replaced(
      7,
      checkpointLine(signCheckpoint({ origin, privateKey: generateKeyPairSync('ed25519').privateKey }, 6, headOf(ten.slice(0, 6)).root)),
    ),
    null,
    'no head that the key has signed',
  ],
  ['a head in another place', replaced(7, signed(headOf(ten.slice(0, 5)))), null, 'stands elsewhere'],
  ['the header of another trail', [headerLine({ origin: 'other', size: 10, filters: {}, before: null })], null, 'another trail'],
  ['what is no export', ['{}'], null, 'not the first line'],
  ['nothing', [], null, 'empty'],
])('finds %s', (_what, lines, seq, what) => {
  expect(verdictOn(lines).fault).toMatchObject({ seq, what: expect.stringContaining(what) as string });
});

it('finds a trail that was signed anew after a cut, by a head that was kept elsewhere', () => {
  const cut = [headerLine({ origin, size: 6, filters: {}, before: { size: 0, subtrees: [] } }), ...whole.slice(1, 8)];

  expect(verdictOn(cut).fault).toBeNull();
  expect(verdictOn(cut, [headOf(ten)]).fault).toMatchObject({ seq: 7, what: expect.stringContaining('up to 10 were signed') as string });
});

it('finds that two different trails of one size were signed, by heads that were kept elsewhere', () => {
  const theirs = headOf([...ten.slice(0, 6), entry(7, { actor: 'eve' })]);

  expect(verdictOn(whole, [theirs, headOf(ten.slice(0, 7))]).fault).toMatchObject({
    seq: null,
    what: expect.stringContaining('two different trails of 7') as string,
  });
});

describe('of a trail whose beginning was dropped', () => {
  const leaves = ten.slice(0, 5).map(leafOf);
  const four = foldHashes([nodeHash(nodeHash(leaves[0]!, leaves[1]!), nodeHash(leaves[2]!, leaves[3]!))]);
  const beginning = headerLine({ origin, size: 10, filters: {}, before: { size: 5, subtrees: [four, leaves[4]!] } });
  const saying = [...ten.slice(0, 9), entry(10, { action: DROP_ACTION, after: { up_to: 5 } })];

  it('believes the rest, if an entry says what was dropped', () => {
    const lines = [beginning, ...trail(saying.slice(5)), signed(headOf(saying))];

    expect(verdictOn(lines, [headOf(ten.slice(0, 4)), headOf(ten.slice(0, 5)), headOf(ten.slice(0, 8))])).toMatchObject({
      fault: null,
      entries: 5,
      unseen: 1,
    });
  });

  it('does not believe it if none does', () => {
    expect(verdictOn([beginning, ...trail(ten.slice(5)), signed(headOf(ten))]).fault).toMatchObject({
      seq: 5,
      what: expect.stringContaining('none says') as string,
    });
  });

  it('does not believe another beginning', () => {
    const other = headerLine({ origin, size: 10, filters: {}, before: { size: 5, subtrees: [leaves[4]!, four] } });

    expect(verdictOn([other, ...trail(saying.slice(5)), signed(headOf(saying))]).fault).not.toBeNull();
  });
});

describe('of a part of the trail', () => {
  const { size, root } = headOf(ten);
  const range = (start: number, end: number): Buffer => {
    const edge = new TreeEdge();
    for (const one of ten.slice(start, end)) edge.add(leafOf(one));
    return edge.root();
  };
  const proofOf = (seq: number) => inclusionRanges(seq - 1, size).map(({ start, end }) => range(start, end));
  const part = [headerLine({ origin, size, filters: { actor: 'ada' }, before: null })];
  const lineOf = (one: LeafEntry) => entryLine(one, { leaf: leafOf(one), proof: proofOf(one.seq) });

  it('believes entries whose proofs lead to the signed head', () => {
    expect(verdictOn([...part, lineOf(ten[2]!), lineOf(ten[8]!), signed({ origin, size, root })])).toMatchObject({
      fault: null,
      entries: 2,
      isPart: true,
    });
  });

  it('does not believe a signed head that is not the one that was kept elsewhere', () => {
    const lines = [...part, lineOf(ten[2]!), signed({ origin, size, root })];

    expect(verdictOn(lines, [{ origin, size, root: headOf(ten.slice(1)).root }]).fault).toMatchObject({
      what: expect.stringContaining('kept elsewhere') as string,
    });
  });

  it('names the first whose proof does not', () => {
    const lines = [...part, lineOf(ten[2]!), lineOf(entry(5, { actor: 'eve' })), lineOf(ten[8]!), signed({ origin, size, root })];

    expect(verdictOn(lines).fault).toMatchObject({ seq: 5, what: expect.stringContaining('not in the tree') as string });
  });
});

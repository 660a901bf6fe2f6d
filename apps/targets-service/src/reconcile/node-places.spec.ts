import { NodePlaces } from './node-places';

const [NODE, OTHER] = ['node-1', 'node-2'];

/** What has its turn, in order. */
const inOrder = (places: NodePlaces) => {
  const begun: string[] = [];
  const ask = (id: string, node = NODE) => places.turn(node, id).then((mine) => void begun.push(mine ? id : `not ${id}`));
  return { begun, ask };
};
const settle = () => new Promise((done) => setImmediate(done));

it('whoever comes first has a place first: nobody goes ahead of those who wait', async () => {
  const places = new NodePlaces(2);
  const { begun, ask } = inOrder(places);
  for (const id of ['a', 'b', 'c', 'd']) void ask(id);
  await settle();
  expect(begun).toEqual(['a', 'b']);
  expect(places.take(NODE)).toBe(false);
  places.leave(NODE);
  expect(places.take(NODE)).toBe(false);
  await settle();
  expect(begun).toEqual(['a', 'b', 'c']);
  places.leave(NODE);
  places.leave(NODE);
  await settle();
  expect(begun).toEqual(['a', 'b', 'c', 'd']);
  expect(places.take(NODE)).toBe(true);
});

it('a node that is full keeps none of another', async () => {
  const places = new NodePlaces(1);
  const { begun, ask } = inOrder(places);
  for (const id of ['a', 'b']) void ask(id);
  void ask('elsewhere', OTHER);
  await settle();
  expect(begun).toEqual(['a', 'elsewhere']);
});

it('an operation stands in a line once, and a line has an end', async () => {
  const places = new NodePlaces(1);
  const { begun, ask } = inOrder(places);
  void ask('a');
  for (let nth = 0; nth < 1_000; nth++) void ask(`waits-${nth}`);
  expect(places.isInLine('waits-0')).toBe(true);
  for (const id of ['waits-0', 'one-too-many']) void ask(id);
  await settle();
  expect(begun).toEqual(['a', 'not waits-0', 'not one-too-many']);
  expect(places.isInLine('one-too-many')).toBe(false);
});

it('when all is ending nobody waits any more', async () => {
  const seen: number[] = [];
  const places = new NodePlaces(1, (_, taken) => seen.push(taken));
  const { begun, ask } = inOrder(places);
  for (const id of ['a', 'b']) void ask(id);
  places.close();
  await settle();
  void ask('c');
  await settle();
  expect(begun).toEqual(['a', 'not b', 'not c']);
  places.leave(NODE);
  expect(seen).toEqual([1, 0]);
});

import * as fc from 'fast-check';
import { groupIntents, type Row } from './group-intents';

const row = (at: number, bytes = 10): Row => ({
  position: String(at),
  message_id: `m-${at}`,
  subject: 'audit-intent.targets.create',
  request_id: 'r',
  body: { id: at, text: 'x'.repeat(bytes) },
});
const rows = (sizes: number[]): Row[] => sizes.map((bytes, at) => row(at, bytes));

it('leaves one that waits alone as it is', () => {
  expect(groupIntents([row(1)])).toEqual([
    { subject: 'audit-intent.targets.create', id: 'm-1', requestId: 'r', body: row(1).body, positions: ['1'] },
  ]);
});

it('keeps the order and every row, in messages that NATS takes', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 120_000 }), { maxLength: 250 }), (sizes) => {
      const waiting = rows(sizes);
      const messages = groupIntents(waiting);

      expect(messages.flatMap(({ positions }) => positions)).toEqual(waiting.map(({ position }) => position));
      expect(messages.flatMap(({ body }) => body)).toEqual(waiting.map(({ body }) => body));
      for (const { body } of messages) expect(JSON.stringify(body).length).toBeLessThan(300_000);
    }),
    { numRuns: 30 },
  );
});

it('has few messages for many, and the same name for the same ones', () => {
  const many = rows(Array<number>(200).fill(10));

  expect(groupIntents(many)).toHaveLength(2);
  expect(groupIntents(many).map(({ id }) => id)).toEqual(groupIntents(many).map(({ id }) => id));
  expect(new Set([groupIntents(many)[0]!.id, groupIntents(many.slice(0, 50))[0]!.id]).size).toBe(2);
});

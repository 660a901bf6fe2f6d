import type { NodeReport } from '#contracts';
import type { StorageNode } from '../inventory/node.entity';
import { grantLease } from './node-lease';

const now = new Date('2026-01-01T00:00:00Z');
const held = (instance: string, ms: number) => ({ instance, lease_until: new Date(now.getTime() + ms) }) as StorageNode;
const report = (instance: string, previous: string | null = null) =>
  ({ node_id: 'n', instance, previous_instances: previous ? [previous] : [] }) as NodeReport;

describe('the lease of a node', () => {
  it.each([
    ['nobody had one', null, report('a'), true],
    ['it is the same process', held('a', 5_000), report('a'), true],
    ['another one holds it', held('b', 5_000), report('a'), false],
    ['the other one’s has run out', held('b', 0), report('a'), true],
    ['the other one was the one before on the same folder', held('b', 5_000), report('a', 'b'), true],
    ['the one before is not who holds it', held('c', 5_000), report('a', 'b'), false],
  ])('is decided when %s', (_what, known, asked, accepted) => {
    expect(grantLease(known, asked, now, 10_000).accepted).toBe(accepted);
  });
});

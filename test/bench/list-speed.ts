import { percentiles, type Row } from './row';
import type { World } from './world';

const ASKED = 100;

/** Targets that are there, each of a machine of its own. */
const TARGETS = `
  WITH machines AS (
    INSERT INTO targets.machines
    SELECT gen_random_uuid(), 'list-' || n, 'list-' || n, 'iqn.2025-01.io.spindle:list-' || n, now(), now(), NULL FROM generate_series(1, $2::int) n
    RETURNING id, initiator_iqn)
  INSERT INTO targets.targets (id, iqn, status, generation, version, machine_id, image_id, node_id, initiator_iqn, portal_address, portal_port, lun,
    read_only, disk_id, image_file, size_bytes, created_by, created_at, updated_at, operation_by, operation_request_id, confirmed)
  SELECT machines.id, 'iqn.2025-01.io.spindle:' || machines.id, 'ACTIVE', 1, 1, machines.id, image.id, image.node_id, machines.initiator_iqn, '192.0.2.1',
    3260, 0, true, image.id, image.file, image.size_bytes, 'admin', now(), now(), 'admin', 'bench', true
  FROM machines, targets.images AS image WHERE image.id = $1
  RETURNING id`;

const timed = async (times: number, ask: (at: number) => Promise<unknown>): Promise<number[]> => {
  const took: number[] = [];
  for (let at = 0; at < times; at++) {
    const since = performance.now();
    await ask(at);
    took.push(performance.now() - since);
  }
  return took;
};

export const listSpeed = async (world: World, image: string, count: number): Promise<Row[]> => {
  const { rows } = await world.sql.query<{ id: string }>(TARGETS, [image, count]);
  await world.sql.query('ANALYZE targets.targets, targets.machines');
  let cursor: string | undefined;
  const walk = async () => {
    const page = await world.ask<{ next_cursor: string | null }>('targets.list', { limit: 50, ...(cursor ? { cursor } : {}) });
    cursor = page.next_cursor ?? undefined;
  };
  return [
    ...percentiles(`first page of 50 of ${count} targets`, await timed(ASKED, () => world.ask('targets.list', { limit: 50 }))),
    ...percentiles(`page after page of 50 of ${count} targets`, await timed(ASKED, walk)),
    ...percentiles(
      `status of one of ${count} targets, simulated node`,
      await timed(ASKED, (at) => world.ask('targets.status', { id: rows[(at * 7) % rows.length]!.id })),
    ),
  ];
};

import { In, IsNull, type EntityManager, type FindOptionsWhere } from 'typeorm';
import type { InputOf, ListTargets, Page, TargetResponse } from '#contracts';
import { inOneGo, listPage, type Statement } from '#database';
import { Target } from './target.entity';

/** All SQL of targets. Every function takes the transaction, so that the call shows what is inside one. */

/** A target that holds its machine and its image: what the two unique indexes of the table have. */
const HOLDS = `(status IN ('PENDING', 'ACTIVE') OR operation IS NOT NULL)`;
/**
 * The same in other words, for where none of these two is of use: that it is not deleted has indexes of its own. With the words of one index
 * beside those of another, Postgres reads the whole of one for what it leaves out: every target that is there, for each create.
 */
const LIVE = `(deleted_at IS NULL AND NOT (status = 'ERROR' AND operation IS NULL))`;

export const findTarget = (tx: EntityManager, id: string): Promise<Target | null> => tx.findOneBy(Target, { id });

/** In their places. */
export const findTargets = async (tx: EntityManager, ids: string[]): Promise<(Target | null)[]> => {
  const found = new Map((await tx.findBy(Target, { id: In(ids) })).map((target) => [target.id, target]));
  return ids.map((id) => found.get(id) ?? null);
};

/** Waits for whoever changes it. */
export const lockTarget = (tx: EntityManager, id: string): Promise<Target | null> =>
  tx.findOne(Target, { where: { id }, lock: { mode: 'pessimistic_write' } });

/** What a target keeps for life, and what changes. */
const KEPT = [
  'id',
  'iqn',
  'machine_id',
  'image_id',
  'session_id',
  'node_id',
  'initiator_iqn',
  'portal_address',
  'portal_port',
  'lun',
  'read_only',
  'disk_id',
  'image_file',
  'size_bytes',
  'created_by',
  'created_at',
] as const satisfies (keyof Target)[];
const CHANGING = [
  'status',
  'operation',
  'generation',
  'version',
  'chap',
  'chap_version',
  'updated_at',
  'deleted_at',
  'last_error',
  'drift',
  'confirmed',
  'disconnected',
  'if_idle',
  'operation_by',
  'operation_request_id',
  'attempts',
] as const satisfies (keyof Target)[];

/** In an order in which two that lock several do not wait for each other. */
export const lockingTargets = (ids: string[]): Statement => ({
  name: 'lock-targets',
  text: `SELECT ${[...KEPT, ...CHANGING].join(', ')}, next_attempt_at FROM targets.targets WHERE id = ANY($1) ORDER BY id FOR UPDATE`,
  values: [ids],
});

/** The rows of `lockingTargets`, by id. */
export const targetsById = (rows: unknown[]): Map<string, Target> =>
  new Map((rows as StoredTarget[]).map((row) => [row.id, targetOf(row)]));

/** As the driver gives it: bigint as text. */
type StoredTarget = Omit<Target, 'size_bytes'> & { size_bytes: string };
const targetOf = (row: StoredTarget): Target => Object.assign(new Target(), row, { size_bytes: Number(row.size_bytes) });

/** What of a live target others have to do with. */
export type LiveExport = Pick<Target, 'id' | 'machine_id' | 'image_id' | 'status' | 'read_only'>;
const EXPORT = 'id, machine_id, image_id, status, read_only';

/**
 * The live targets of machines, and of each image one that may be in the way of others. A writer has an index of its own: to look for one
 * among all readers of an image would take longer the more there are.
 */
export const readingLiveExports = (machines: string[], images: { id: string; exclusive: boolean }[]): Statement => ({
  name: 'live-exports',
  text: `SELECT ${EXPORT} FROM targets.targets WHERE machine_id = ANY($1) AND ${HOLDS}
     UNION
     SELECT found.* FROM unnest($2::uuid[], $3::boolean[]) AS asked (image, exclusive), LATERAL (
       (SELECT ${EXPORT} FROM targets.targets WHERE image_id = asked.image AND ${HOLDS} AND NOT read_only LIMIT 1)
       UNION ALL
       (SELECT ${EXPORT} FROM targets.targets WHERE asked.exclusive AND image_id = asked.image AND ${LIVE} LIMIT 1)
     ) AS found`,
  values: [machines, images.map(({ id }) => id), images.map(({ exclusive }) => exclusive)],
});

export const findLiveTargetOfMachine = (tx: EntityManager, machineId: string): Promise<Target | null> =>
  tx.createQueryBuilder(Target, 'target').where('machine_id = :machineId', { machineId }).andWhere(HOLDS).getOne();

export const findNewestTargetOfMachine = (tx: EntityManager, machineId: string): Promise<Target | null> =>
  tx.findOne(Target, { where: { machine_id: machineId }, order: { id: 'DESC' } });

/** A live target that stands in the way of another export of the image. */
export const findExportInTheWay = (tx: EntityManager, imageId: string, readOnly: boolean, except?: string): Promise<Target | null> => {
  const inTheWay = readOnly ? `${HOLDS} AND NOT read_only` : LIVE;
  const query = tx.createQueryBuilder(Target, 'target').where('image_id = :imageId', { imageId }).andWhere(inTheWay);
  if (except) query.andWhere('id <> :except', { except });
  return query.limit(1).getOne();
};

export const hasLiveTarget = (tx: EntityManager, column: 'machine_id' | 'image_id' | 'session_id', id: string): Promise<boolean> =>
  tx
    .createQueryBuilder(Target, 'target')
    .where(`${column} = :id`, { id })
    .andWhere(column === 'machine_id' ? HOLDS : LIVE)
    .limit(1)
    .getExists();

/** $1: the rows as JSON, columns by their names. $2: seconds from now at which an operation is due that has no time yet. */
const ROWS = 'jsonb_populate_recordset(NULL::targets.targets, $1::jsonb) AS row';
const DUE = 'CASE WHEN row.operation IS NOT NULL THEN coalesce(row.next_attempt_at, now() + make_interval(secs => $2)) END';
const written = (columns: readonly string[]): string => columns.map((column) => `row.${column}`).join(', ');

const INSERT = `
  INSERT INTO targets.targets (${[...KEPT, ...CHANGING].join(', ')}, next_attempt_at)
  SELECT ${written([...KEPT, ...CHANGING])}, ${DUE} FROM ${ROWS}`;

/** By their ids once more: a set of rows is planned for as a hundred, for which Postgres would rather read the whole table. */
const UPDATE = `
  UPDATE targets.targets AS target SET (${CHANGING.join(', ')}, next_attempt_at) = (${written(CHANGING)}, ${DUE})
  FROM ${ROWS} WHERE target.id = row.id AND target.id = ANY($3::uuid[])`;

/** An operation without `next_attempt_at` is due at once, or after a claim of so many milliseconds. */
export const insertingTargets = (targets: Target[], claimMs: number): Statement => ({
  name: 'insert-targets',
  text: INSERT,
  values: [JSON.stringify(targets), claimMs / 1_000],
});

export const updatingTargets = (targets: Target[], claimMs = 0): Statement => ({
  name: 'update-targets',
  text: UPDATE,
  values: [JSON.stringify(targets), claimMs / 1_000, targets.map(({ id }) => id)],
});

type Filters = Omit<InputOf<typeof ListTargets>, 'limit' | 'cursor'>;

export const listTargets = (tx: EntityManager, input: InputOf<typeof ListTargets>): Promise<Page<Target>> => {
  const { limit, cursor, ...filters } = input;
  return listPage(tx, Target, { limit, cursor, filters, where: whereOf(filters) });
};

const whereOf = ({ include_deleted, ...equal }: Filters): FindOptionsWhere<Target> => {
  const where: FindOptionsWhere<Target> = Object.fromEntries(Object.entries(equal).filter(([, value]) => value !== undefined));
  if (!include_deleted && where.status !== 'INACTIVE') where.deleted_at = IsNull();
  return where;
};

const NOT_HELD = 'node_id NOT IN (SELECT id FROM targets.storage_nodes WHERE held_at IS NOT NULL)';

/**
 * Takes due operations so that no other instance works on them until the lease is over. Whatever is sent to a node to change it was taken
 * here or in the transaction that began it, so that nothing is while the node is held.
 * @returns in its place what was taken; null for what is not due, or somebody else's
 */
export const claimOperations = async (tx: EntityManager, ids: string[], leaseMs: number): Promise<(Target | null)[]> => {
  const [rows] = await inOneGo(tx, [
    {
      name: 'claim-operations',
      text: `UPDATE targets.targets SET next_attempt_at = now() + make_interval(secs => $2) WHERE id IN (
           SELECT id FROM targets.targets
           WHERE id = ANY($1) AND operation IS NOT NULL AND next_attempt_at <= now() AND ${NOT_HELD} ORDER BY id FOR UPDATE
         ) RETURNING ${[...KEPT, ...CHANGING].join(', ')}, next_attempt_at`,
      values: [ids, leaseMs / 1_000],
    },
  ]);
  const taken = targetsById(rows!);
  return ids.map((id) => {
    const target = taken.get(id) ?? null;
    taken.delete(id); // asked for twice, it is taken by one of them
    return target;
  });
};

/** The rows of tries at operations while they are as their holders know them. */
const TRIES = `
  SELECT target.id FROM targets.targets AS target
  JOIN unnest($1::uuid[], $2::int[], $3::int[]) AS tried (id, generation, attempts) USING (id, generation, attempts)
  WHERE target.operation IS NOT NULL`;
const triesOf = (targets: Target[]) => [
  targets.map(({ id }) => id),
  targets.map(({ generation }) => generation),
  targets.map(({ attempts }) => attempts),
];

/**
 * For as long as the same wish is the current one; not when it was made due meanwhile, since its holder may wait for a dead node, nor when
 * another try at it has ended since: the holder would keep the next one away until its own wait is over. One that somebody is changing
 * holds up none of the others: it is renewed the next time.
 */
export const extendClaims = (tx: EntityManager, targets: Target[], leaseMs: number): Promise<unknown> =>
  tx.query(
    `UPDATE targets.targets SET next_attempt_at = now() + make_interval(secs => $4)
     WHERE id IN (${TRIES} AND target.next_attempt_at > now() FOR UPDATE OF target SKIP LOCKED)`,
    [...triesOf(targets), leaseMs / 1_000],
  );

/** Whoever took them in the transaction that began them has no place for them: anybody may take them at once. */
export const releaseClaims = (tx: EntityManager, targets: Target[]): Promise<unknown> =>
  tx.query(
    `UPDATE targets.targets SET next_attempt_at = now() WHERE id IN (${TRIES} ORDER BY target.id FOR UPDATE OF target)`,
    triesOf(targets),
  );

/** The longest due of each node, so that one with many cannot hide those of another. */
export const dueOperations = (tx: EntityManager, perNode: number): Promise<Pick<Target, 'id' | 'node_id'>[]> =>
  tx.query(
    `SELECT id, node_id FROM (
       SELECT id, node_id, row_number() OVER (PARTITION BY node_id ORDER BY next_attempt_at) AS place
       FROM targets.targets WHERE operation IS NOT NULL AND next_attempt_at <= now() AND ${NOT_HELD}
     ) AS due WHERE place <= $1`,
    [perNode],
  );

/** Not the wish that was sent any more when the generation has moved on, nor the last try at it when another one has ended since. */
export const postponeOperation = (tx: EntityManager, target: Target, delayMs: number): Promise<unknown> =>
  tx.query(
    `UPDATE targets.targets SET next_attempt_at = now() + make_interval(secs => $4), attempts = attempts + 1, last_error = $5
     WHERE id = $1 AND generation = $2 AND attempts = $3 AND operation IS NOT NULL`,
    [target.id, target.generation, target.attempts, delayMs / 1_000, target.last_error],
  );

/** What a node must have or must lose, in order of id. */
export const wishedTargetsOf = (tx: EntityManager, nodeId: string, after: string | null, limit: number): Promise<Target[]> => {
  const query = tx.createQueryBuilder(Target, 'target').where('node_id = :nodeId', { nodeId }).andWhere(LIVE);
  if (after) query.andWhere('id > :after', { after });
  return query.orderBy('id', 'ASC').limit(limit).getMany();
};

/** What the records have of a node and a plan speaks of: its whole wish, and what failed there. In order of id. */
export const plannedTargetsOf = (tx: EntityManager, nodeId: string, after: string | null, limit: number): Promise<Target[]> => {
  const query = tx.createQueryBuilder(Target, 'target').where('node_id = :nodeId', { nodeId }).andWhere('deleted_at IS NULL');
  if (after) query.andWhere('id > :after', { after });
  return query.orderBy('id', 'ASC').limit(limit).getMany();
};

export const driftedTargetsOf = async (tx: EntityManager, nodeId: string): Promise<string[]> => {
  const rows = await tx.query<{ id: string }[]>('SELECT id FROM targets.targets WHERE node_id = $1 AND drift IS NOT NULL ORDER BY id', [
    nodeId,
  ]);
  return rows.map(({ id }) => id);
};

/** A node is back: what waits for it is due. */
export const hastenOperations = (tx: EntityManager, nodeId: string): Promise<unknown> =>
  tx.query('UPDATE targets.targets SET next_attempt_at = now() WHERE node_id = $1 AND operation IS NOT NULL', [nodeId]);

export const presentTarget = (target: Target): TargetResponse => ({
  id: target.id,
  iqn: target.iqn,
  status: target.status,
  operation: target.operation,
  generation: target.generation,
  machine_id: target.machine_id,
  image_id: target.image_id,
  session_id: target.session_id,
  node_id: target.node_id,
  initiator_iqn: target.initiator_iqn,
  portal: { address: target.portal_address, port: target.portal_port },
  lun: target.lun,
  read_only: target.read_only,
  chap: target.chap,
  created_by: target.created_by,
  created_at: target.created_at.toISOString(),
  updated_at: target.updated_at.toISOString(),
  deleted_at: target.deleted_at?.toISOString() ?? null,
  last_error: target.last_error,
  ...(target.disconnected === null ? {} : { disconnected: target.disconnected }),
});

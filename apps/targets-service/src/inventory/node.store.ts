import { IsNull, Not, type EntityManager } from 'typeorm';
import { NODE_ID_PATTERN, Refused, type InputOf, type ListNodes, type NodeResponse, type Page } from '#contracts';
import { listPage, type Statement } from '#database';
import { StorageNode } from './node.entity';

export const findNode = (tx: EntityManager, id: string): Promise<StorageNode | null> => tx.findOneBy(StorageNode, { id });

export const lockNode = (tx: EntityManager, id: string): Promise<StorageNode | null> =>
  tx.findOne(StorageNode, { where: { id }, lock: { mode: 'pessimistic_write' } });

export const onlineNodes = (tx: EntityManager): Promise<StorageNode[]> =>
  tx.find(StorageNode, { where: { status: 'online' }, order: { id: 'ASC' } });

/** Nodes that were to report and have not for so long. */
export const silentNodes = (tx: EntityManager, silenceMs: number): Promise<StorageNode[]> =>
  tx
    .createQueryBuilder(StorageNode, 'node')
    .where(`status <> 'offline' AND last_seen_at < now() - make_interval(secs => :seconds)`, { seconds: silenceMs / 1_000 })
    .setLock('pessimistic_write')
    .setOnLocked('skip_locked')
    .getMany();

export const saveNode = (tx: EntityManager, node: StorageNode): Promise<unknown> => tx.upsert(StorageNode, node, ['id']);

/** Asked before each command that would be sent to a node. @throws Refused NODE_HELD */
export const refuseIfHeld = async (tx: EntityManager, id: string): Promise<void> => {
  if (await tx.existsBy(StorageNode, { id, held_at: Not(IsNull()) })) throw new Refused('NODE_HELD');
};

export const setHold = (tx: EntityManager, id: string, heldAt: Date | null): Promise<unknown> =>
  tx.update(StorageNode, { id }, { held_at: heldAt });

/** A node that has an image, and what it takes to choose it. */
export interface Place extends Pick<StorageNode, 'id' | 'status' | 'cordoned' | 'held_at' | 'portal_address' | 'portal_port'> {
  image_id: string;
  /** Where the image was registered. A writable one is there and nowhere else: copies of it would drift apart. */
  is_home: boolean;
  sealing_key: string | null;
}

export const readingPlaces = (imageIds: string[]): Statement => ({
  name: 'places',
  text: `SELECT copy.image_id, image.node_id = node.id AS is_home, node.id, status, cordoned, held_at, portal_address, portal_port,
       report ->> 'sealing_key' AS sealing_key
     FROM (SELECT image_id, node_id FROM targets.image_copies WHERE image_id = ANY($1)
           UNION SELECT id, node_id FROM targets.images WHERE id = ANY($1)) AS copy
     JOIN targets.images AS image ON image.id = copy.image_id JOIN targets.storage_nodes AS node ON node.id = copy.node_id
     ORDER BY node.id`,
  values: [imageIds],
});

/** How many targets each node has, or is to have. */
export const countTargets = async (tx: EntityManager): Promise<Map<string, number>> => {
  const rows = await tx.query<{ node_id: string; targets: number }[]>(
    `SELECT node_id, count(*) FILTER (WHERE status <> 'ERROR')::int AS targets FROM targets.targets WHERE deleted_at IS NULL GROUP BY 1`,
  );
  return new Map(rows.map(({ node_id, targets }) => [node_id, targets]));
};

/** The nodes to which nothing may be sent. */
export const readingHeldNodes: Statement = {
  name: 'held-nodes',
  text: 'SELECT id FROM targets.storage_nodes WHERE held_at IS NOT NULL',
  values: [],
};

export const setCordon = (tx: EntityManager, id: string, cordoned: boolean): Promise<unknown> =>
  tx.update(StorageNode, { id }, { cordoned });

export const listNodes = (tx: EntityManager, { limit, cursor }: InputOf<typeof ListNodes>): Promise<Page<StorageNode>> =>
  listPage(tx, StorageNode, { limit, cursor, ids: NODE_ID_PATTERN, filters: {}, where: {} });

export const presentNode = (node: StorageNode): NodeResponse => ({
  id: node.id,
  name: node.name,
  status: node.status,
  portal: { address: node.portal_address, port: node.portal_port },
  last_seen_at: node.last_seen_at.toISOString(),
  targets: node.report.targets,
  versions: node.report.versions,
  message: node.report.message,
  foreign: node.report.foreign,
  // a report from before this field, of a node that has been silent since
  adoptable: node.report.adoptable ?? [],
  checks: node.report.checks,
  saved_config: node.report.saved_config,
  cordoned: node.cordoned,
  held: node.held_at !== null,
});

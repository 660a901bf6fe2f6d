import { IsNull, Not, type EntityManager } from 'typeorm';
import { NODE_ID_PATTERN, Refused, type InputOf, type ListNodes, type NodeResponse, type Page } from '#contracts';
import { listPage } from '#database';
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

/**
 * Nodes that have an image, best first for one more target: neither cordoned nor held, online, with the fewest targets.
 * A writable image is where it was registered and nowhere else: copies of it would drift apart.
 */
export const nodesWithImage = async (tx: EntityManager, imageId: string, readOnly: boolean): Promise<StorageNode[]> =>
  tx
    .createQueryBuilder(StorageNode, 'node')
    .where(
      readOnly
        ? 'node.id IN (SELECT node_id FROM targets.image_copies WHERE image_id = :imageId)'
        : 'node.id = (SELECT node_id FROM targets.images WHERE id = :imageId)',
      { imageId },
    )
    .orderBy('node.cordoned OR node.held_at IS NOT NULL')
    .addOrderBy("CASE node.status WHEN 'online' THEN 0 WHEN 'wedged' THEN 1 ELSE 2 END")
    .addOrderBy("(SELECT count(*) FROM targets.targets t WHERE t.node_id = node.id AND t.status IN ('PENDING', 'ACTIVE'))")
    .addOrderBy('node.id')
    .getMany();

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

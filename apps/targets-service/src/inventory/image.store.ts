import { IsNull, type EntityManager, type FindOptionsWhere } from 'typeorm';
import type { ImageResponse, InputOf, ListImages, Page } from '#contracts';
import { listPage, type Statement } from '#database';
import { Image } from './image.entity';

export const findImage = (tx: EntityManager, id: string): Promise<Image | null> => tx.findOneBy(Image, { id, deleted_at: IsNull() });

/** `share`: others may export it read-only at the same time. `update`: nobody else may export or change it meanwhile. */
export const lockImage = (tx: EntityManager, id: string, mode: 'share' | 'update'): Promise<Image | null> =>
  tx.findOne(Image, {
    where: { id, deleted_at: IsNull() },
    lock: { mode: mode === 'share' ? 'pessimistic_read' : 'pessimistic_write' },
  });

/** Exactly those that are exported for writing are locked against everybody. */
export const lockingImages = (ids: string[], mode: 'share' | 'update'): Statement => ({
  name: `lock-images-to-${mode}`,
  text: `SELECT id, name, file, size_bytes, read_only, node_id, created_at, updated_at, deleted_at FROM targets.images
    WHERE id = ANY($1) AND deleted_at IS NULL ORDER BY id FOR ${mode === 'share' ? 'SHARE' : 'UPDATE'}`,
  values: [ids],
});

/** As the driver gives it: bigint as text. */
type StoredImage = Omit<Image, 'size_bytes'> & { size_bytes: string };
/** A row of `lockingImages`. */
export const imageOf = (row: unknown): Image => Object.assign(new Image(), row, { size_bytes: Number((row as StoredImage).size_bytes) });

export const insertImage = (tx: EntityManager, image: Image): Promise<unknown> => tx.insert(Image, image);

export const insertCopies = (tx: EntityManager, imageId: string, nodeIds: string[]): Promise<unknown> =>
  tx.query('INSERT INTO targets.image_copies SELECT $1, unnest($2::text[])', [imageId, nodeIds]);

export const updateImage = (tx: EntityManager, { id, ...columns }: Image): Promise<unknown> => tx.update(Image, { id }, columns);

export const listImages = (tx: EntityManager, { limit, cursor, ...filters }: InputOf<typeof ListImages>): Promise<Page<Image>> => {
  const where: FindOptionsWhere<Image> = { deleted_at: IsNull() };
  if (filters.name) where.name = filters.name;
  return listPage(tx, Image, { limit, cursor, filters, where });
};

export const presentImage = (image: Image): ImageResponse => ({
  id: image.id,
  name: image.name,
  file: image.file,
  size_bytes: image.size_bytes,
  read_only: image.read_only,
  created_at: image.created_at.toISOString(),
  updated_at: image.updated_at.toISOString(),
});

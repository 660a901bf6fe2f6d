import {
  InspectImageReply,
  Refused,
  type CreateImage,
  type DeleteImage,
  type ErrorCode,
  type GetImage,
  type ImageResponse,
  type InputOf,
  type ListImages,
  type Page,
  type UpdateImage,
} from '#contracts';
import { inDatabase, inTransaction, refuseTaken } from '#database';
import { newId } from '#runtime';
import type { Caller } from '../access/caller';
import type { Parts } from '../parts';
import { askNode } from '../reconcile/ask-node';
import { hasLiveTarget } from '../targets/target.store';
import { Image } from './image.entity';
import * as store from './image.store';
import { onlineNodes } from './node.store';
import { recordChange } from './record-change';

const TAKEN: Record<string, ErrorCode> = { images_name: 'IMAGE_NAME_TAKEN', images_file: 'IMAGE_FILE_TAKEN' };

/**
 * Registers a file that lies on a storage node; the node says that it is there and how big it is.
 * @throws Refused IMAGE_NAME_TAKEN, IMAGE_FILE_TAKEN, IMAGE_FILE_MISSING, IMAGE_NOT_A_FILE, IMAGE_EMPTY, NO_NODE, NODE_OFFLINE
 */
export const createImage = async (parts: Parts, input: InputOf<typeof CreateImage>, caller: Caller): Promise<ImageResponse> => {
  const { nodeIds, sizeBytes } = await findFile(parts, input.file, caller);
  return inTransaction(parts.database, async (tx) => {
    const now = new Date();
    const image = Object.assign(new Image(), {
      id: newId(),
      name: input.name,
      file: input.file,
      size_bytes: sizeBytes,
      read_only: input.read_only,
      node_id: nodeIds[0]!,
      created_at: now,
      updated_at: now,
      deleted_at: null,
    } satisfies Image);
    await refuseTaken(store.insertImage(tx, image), TAKEN);
    await store.insertCopies(tx, image.id, nodeIds);
    const after = store.presentImage(image);
    await recordChange(tx, 'images.create', { type: 'image', id: image.id }, caller, { after });
    return after;
  });
};

const FAULTS = { missing: 'IMAGE_FILE_MISSING', 'not-a-file': 'IMAGE_NOT_A_FILE', empty: 'IMAGE_EMPTY' } as const;

/** The online nodes that have the file, in the size of the first one's; else the most telling reason why none has. */
const findFile = async (parts: Parts, file: string, caller: Caller): Promise<{ nodeIds: string[]; sizeBytes: number }> => {
  const nodes = await inDatabase(parts.database, onlineNodes);
  if (nodes.length === 0) throw new Refused('NO_NODE');
  const answers = await Promise.allSettled(
    nodes.map(({ id }) =>
      askNode(parts, id, 'inspect-image', { file }, InspectImageReply, {
        requestId: caller.requestId,
        timeoutMs: parts.settings.NODE_REQUEST_TIMEOUT_MS,
      }),
    ),
  );
  const found = answers.flatMap((answer, i) =>
    answer.status === 'fulfilled' && answer.value.result === 'ok' ? [{ nodeId: nodes[i]!.id, sizeBytes: answer.value.size_bytes }] : [],
  );
  if (found[0]) {
    const { sizeBytes } = found[0];
    return { nodeIds: found.filter((copy) => copy.sizeBytes === sizeBytes).map(({ nodeId }) => nodeId), sizeBytes };
  }
  const results = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value.result] : []));
  if (results.length < answers.length) throw new Refused('NODE_OFFLINE');
  const telling = results.find((result) => result !== 'missing') ?? 'missing';
  throw new Refused(telling === 'ok' ? 'INTERNAL' : FAULTS[telling]);
};

export const listImages = async (parts: Parts, input: InputOf<typeof ListImages>): Promise<Page<ImageResponse>> => {
  const page = await inDatabase(parts.database, (tx) => store.listImages(tx, input));
  return { ...page, items: page.items.map(store.presentImage) };
};

/** @throws Refused IMAGE_NOT_FOUND */
export const getImage = async (parts: Parts, { id }: InputOf<typeof GetImage>): Promise<ImageResponse> => {
  const image = await inDatabase(parts.database, (tx) => store.findImage(tx, id));
  if (!image) throw new Refused('IMAGE_NOT_FOUND');
  return store.presentImage(image);
};

/** Whether it may be written cannot change under a target. @throws Refused IMAGE_NOT_FOUND, IMAGE_IN_USE, IMAGE_NAME_TAKEN */
export const updateImage = (parts: Parts, { id, ...change }: InputOf<typeof UpdateImage>, caller: Caller): Promise<ImageResponse> =>
  inTransaction(parts.database, async (tx) => {
    const image = await store.lockImage(tx, id, 'update');
    if (!image) throw new Refused('IMAGE_NOT_FOUND');
    const changesMode = change.read_only !== undefined && change.read_only !== image.read_only;
    if (changesMode && (await hasLiveTarget(tx, 'image_id', id))) throw new Refused('IMAGE_IN_USE');
    const before = store.presentImage(image);
    Object.assign(image, change, { updated_at: new Date() });
    await refuseTaken(store.updateImage(tx, image), TAKEN);
    const after = store.presentImage(image);
    await recordChange(tx, 'images.update', { type: 'image', id }, caller, { before, after });
    return after;
  });

/** @throws Refused IMAGE_NOT_FOUND, IMAGE_IN_USE */
export const deleteImage = (parts: Parts, { id }: InputOf<typeof DeleteImage>, caller: Caller): Promise<ImageResponse> =>
  inTransaction(parts.database, async (tx) => {
    const image = await store.lockImage(tx, id, 'update');
    if (!image) throw new Refused('IMAGE_NOT_FOUND');
    if (await hasLiveTarget(tx, 'image_id', id)) throw new Refused('IMAGE_IN_USE');
    const before = store.presentImage(image);
    await store.updateImage(tx, { ...image, deleted_at: new Date() });
    await recordChange(tx, 'images.delete', { type: 'image', id }, caller, { before });
    return before;
  });

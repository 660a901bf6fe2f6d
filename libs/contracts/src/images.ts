import { z } from 'zod';
import { listOf, page } from './lists';
import { Id, ImageFile, Name, Time, coded } from './names';
import { request } from './request';

export const ImageResponse = z
  .object({
    id: Id,
    name: Name,
    file: ImageFile,
    size_bytes: z.int().describe('Bytes, as the storage node measured it.'),
    read_only: z.boolean().describe('Exported read-only only, and by any number of targets at once.'),
    created_at: Time,
    updated_at: Time,
  })
  .meta({ id: 'ImageResponse' });
export const ImageListResponse = listOf(ImageResponse).meta({ id: 'ImageListResponse' });

const readOnly = z.boolean(coded('WRONG_TYPE', 'must be true or false'));

export const ImageCreateRequest = z
  .strictObject({ name: Name, file: ImageFile, read_only: readOnly.default(false) })
  .meta({ id: 'ImageCreateRequest' });

const byId = z.strictObject({ id: Id });

export const CreateImage = request({
  subject: 'images.create',
  kind: 'command',
  summary: 'Register a disk image that lies on a storage node',
  input: ImageCreateRequest,
  output: ImageResponse,
  http: { method: 'POST', path: '/images', success: [201] },
  errors: [
    'IMAGE_NAME_TAKEN',
    'IMAGE_FILE_TAKEN',
    'INVALID_IMAGE_FILE',
    'INVALID_NAME',
    'IMAGE_FILE_MISSING',
    'IMAGE_NOT_A_FILE',
    'IMAGE_EMPTY',
    'NO_NODE',
    'NODE_OFFLINE',
  ],
});

export const ListImages = request({
  subject: 'images.list',
  kind: 'query',
  summary: 'List images, newest first',
  input: z.strictObject({ ...page, name: Name.optional() }),
  output: ImageListResponse,
  http: { method: 'GET', path: '/images', success: [200] },
  errors: ['INVALID_CURSOR'],
});

export const GetImage = request({
  subject: 'images.get',
  kind: 'query',
  summary: 'Get one image',
  input: byId,
  output: ImageResponse,
  http: { method: 'GET', path: '/images/{id}', success: [200] },
  errors: ['IMAGE_NOT_FOUND'],
});

export const UpdateImage = request({
  subject: 'images.update',
  kind: 'command',
  summary: 'Rename an image, or change whether it may be written; not while a target uses it',
  input: z.strictObject({ id: Id, name: Name.optional(), read_only: readOnly.optional() }),
  output: ImageResponse,
  http: { method: 'PATCH', path: '/images/{id}', success: [200] },
  errors: ['IMAGE_NOT_FOUND', 'IMAGE_NAME_TAKEN', 'IMAGE_IN_USE'],
});

export const DeleteImage = request({
  subject: 'images.delete',
  kind: 'command',
  summary: 'Forget an image that no live target uses; the file stays',
  input: byId,
  output: ImageResponse,
  http: { method: 'DELETE', path: '/images/{id}', success: [200] },
  errors: ['IMAGE_NOT_FOUND', 'IMAGE_IN_USE'],
});

export type ImageResponse = z.infer<typeof ImageResponse>;

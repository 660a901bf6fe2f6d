import { z } from 'zod';
import type { ErrorCode } from './error-codes';

/** A zod message that carries its code: `parseInput` splits it again. Zod has no field of its own for one. */
export const coded = (code: ErrorCode, text: string): string => `${code}|${text}`;

/**
 * iSCSI qualified name as LIO can carry it: narrower than RFC 3720 section 3.2.6.3.1.
 * Lower case only, since rtslib folds names and two requests could name one target; no underscore and a second dot after
 * the date, since rtslib refuses others (rtslib_fb/utils.py, `is_valid_wwn`); at most 223 bytes (ISCSI_IQN_LEN of the kernel).
 */
export const IQN_PATTERN = /^iqn\.\d{4}-(0[1-9]|1[0-2])\.[a-z0-9-]+(\.[a-z0-9-]+)+(:[a-z0-9.:-]+)?$/;

/** No path can be written with it; the fileio plug-in's option parser splits at a comma (`fd_dev_name=…,fd_dev_size=…`). */
export const IMAGE_FILE_PATTERN = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;

export const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

/** One token of a NATS subject, so that `storage-node.<id>.apply` cannot be widened by a dot or wildcard. */
export const NODE_ID_PATTERN = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** 16 of these 64 characters are exactly 96 bits; configshell and configfs carry all of them. The kernel takes what begins with NULL for unset. */
export const CHAP_SECRET_PATTERN = /^(?!NULL)[A-Za-z0-9_.]{12,16}$/;

const MAC_PATTERN = /^[0-9a-fA-F]{2}(?:[:-][0-9a-fA-F]{2}){5}$/;

/** configshell takes `..` for a way up wherever a path may stand. */
const withoutTwoDots = (text: string): boolean => !text.includes('..');

export const Id = z.uuid(coded('INVALID_ID', 'must be a UUID')).toLowerCase().describe('UUID (version 7 where we made it).');
export const Iqn = z
  .string(coded('WRONG_TYPE', 'must be a string'))
  .max(223, coded('INVALID_IQN', 'must have at most 223 characters'))
  .regex(IQN_PATTERN, coded('INVALID_IQN', 'must be iqn.YYYY-MM.reversed.domain:name in lower case, without underscores'))
  .refine(withoutTwoDots, coded('INVALID_IQN', 'must not have two dots in a row'))
  .describe('iSCSI qualified name in lower case, at most 223 characters.');
export const Name = z
  .string(coded('WRONG_TYPE', 'must be a string'))
  .regex(NAME_PATTERN, coded('INVALID_NAME', 'must be 1 to 64 of A-Z a-z 0-9 _ . - beginning with a letter or digit'));
export const ImageFile = z
  .string(coded('WRONG_TYPE', 'must be a string'))
  .regex(IMAGE_FILE_PATTERN, coded('INVALID_IMAGE_FILE', 'must be a plain file name'))
  .refine(withoutTwoDots, coded('INVALID_IMAGE_FILE', 'must not have two dots in a row'))
  .describe('Name of a file under IMAGE_ROOT, never a path.');
export const MacAddress = z
  .string(coded('WRONG_TYPE', 'must be a string'))
  .regex(MAC_PATTERN, coded('INVALID_MAC_ADDRESS', 'must be six pairs of hex digits'))
  .transform((mac) => mac.toLowerCase().replaceAll('-', ':'))
  .describe('Six pairs of hex digits; kept in lower case with colons.');
export const ChapSecret = z
  .string(coded('WRONG_TYPE', 'must be a string'))
  .regex(CHAP_SECRET_PATTERN, coded('INVALID_CHAP_SECRET', 'must be 12 to 16 of A-Z a-z 0-9 _ . and not begin with NULL'))
  .describe('12 to 16 characters, since initiators take no more (Windows) and RFC 7143 asks for no less.');
export const NodeId = z
  .string(coded('WRONG_TYPE', 'must be a string'))
  .regex(NODE_ID_PATTERN, coded('INVALID_VALUE', 'must be 1 to 63 of a-z 0-9 - beginning with a letter or digit'))
  .describe('Storage node, as its NODE_ID names it.');
export const Time = z.iso.datetime({ offset: true, error: coded('INVALID_VALUE', 'must be an RFC 3339 time') }).describe('RFC 3339, UTC.');
export const Portal = z.object({ address: z.string(), port: z.int().min(1).max(65535) }).describe('Where initiators dial.');
export const LastError = z
  .object({
    code: z.string().describe('Stable code from the closed list.'),
    step: z.string().describe('The step that failed, such as create-acl.'),
    message: z.string().describe('What to do; never the text of an inner tool.'),
  })
  .meta({ id: 'LastError' });

/** What JSON.parse gave: `z.json()` would walk it once more, by recursion, and has no plain JSON Schema. */
export const AnyJson = z.unknown() as z.ZodType<z.core.util.JSONType>;

export type Portal = z.infer<typeof Portal>;
export type LastError = z.infer<typeof LastError>;

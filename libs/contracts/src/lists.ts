import { z } from 'zod';
import { coded } from './names';

/** What every list request takes besides its filters. */
export const page = {
  limit: z
    .int(coded('WRONG_TYPE', 'must be a whole number'))
    .min(1, coded('INVALID_VALUE', 'must be at least 1'))
    .max(200, coded('INVALID_VALUE', 'must be at most 200'))
    .default(50)
    .describe('Entries a page, 1 to 200.'),
  cursor: z
    .string(coded('WRONG_TYPE', 'must be a string'))
    .regex(/^[A-Za-z0-9_-]{1,300}$/, coded('INVALID_CURSOR', 'must be next_cursor as it was given'))
    .optional()
    .describe('next_cursor of the page before.'),
};

/** One page, newest first; `total` is exact to 10,000, beyond that `total_capped` is true. */
export const listOf = <T extends z.ZodType>(item: T) =>
  z.object({
    items: z.array(item),
    next_cursor: z.string().nullable().describe('Cursor of the next page, null on the last one.'),
    total: z.int().describe('Entries that match, counted to 10,000.'),
    total_capped: z.boolean().optional().describe('True when there are more than total says.'),
  });

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
  total: number;
  total_capped?: boolean;
}

import { z } from 'zod';
import { fieldsOf } from './route-fields';

export type Query = Readonly<Record<string, unknown>>;

/** At most 15 digits: every such number is exact in a double. */
const NUMBER = /^-?\d{1,15}(\.\d{1,15})?$/;

/**
 * A query string as the contract types it: it is all text, and the services refuse text for a number.
 * What is no number or boolean stays text, and a repeated parameter stays a list, so that validation names it.
 */
export const queryInput = (input: z.ZodType, query: Query): Record<string, unknown> => {
  const fields = fieldsOf(input);
  return Object.fromEntries(Object.entries(query).map(([name, value]) => [name, typed(fields[name], value)]));
};

const typed = (field: z.ZodType | undefined, value: unknown): unknown => {
  if (field === undefined || typeof value !== 'string') return value;
  const kind = innermost(field);
  if (kind instanceof z.ZodNumber && NUMBER.test(value)) return Number(value);
  if (kind instanceof z.ZodBoolean && (value === 'true' || value === 'false')) return value === 'true';
  return value;
};

/** The type below `.optional()`, `.default()` and `.nullable()`. */
const innermost = (field: z.ZodType): z.ZodType =>
  field instanceof z.ZodOptional || field instanceof z.ZodDefault || field instanceof z.ZodNullable
    ? innermost(field.unwrap() as z.ZodType)
    : field;

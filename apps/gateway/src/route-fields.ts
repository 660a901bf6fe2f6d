import type { RequestContract } from '#contracts';
import { z } from 'zod';

/** Where the fields of a request stand on HTTP. */
export interface RouteFields {
  path: string[];
  query: string[];
  body: string[];
}

export const fieldsOf = (schema: z.ZodType): Record<string, z.ZodType> => (schema instanceof z.ZodObject ? schema.shape : {});

const isObject = (field: z.ZodType): boolean =>
  field instanceof z.ZodOptional ? isObject(field.unwrap() as z.ZodType) : field instanceof z.ZodObject;

/**
 * Filters and switches stand in the query string, what is written stands in the body. A POST on one existing thing
 * (restart) takes its switch in either, and an object in the body alone. A body in POST and PATCH is the only place else: a password in an address would
 * end in the log of every proxy.
 */
export const routeFields = ({ input, http }: RequestContract): RouteFields => {
  const path = [...http.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!);
  const rest = Object.keys(fieldsOf(input)).filter((field) => !path.includes(field));
  const inQuery = http.method === 'GET' || http.method === 'DELETE' || (http.method === 'POST' && path.length > 0);
  const inBody = http.method === 'POST' || http.method === 'PATCH';
  const flat = rest.filter((field) => !isObject(fieldsOf(input)[field]!));
  return { path, query: inQuery ? flat : [], body: inBody ? rest : [] };
};

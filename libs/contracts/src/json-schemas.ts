import { z } from 'zod';

export type JsonSchema = Record<string, unknown>;

/** Zod writes the bounds of a safe integer and a pattern beside each format: true, and of no use to a reader. */
const withoutNoise = ({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void => {
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  if (jsonSchema.format === 'uuid' || jsonSchema.format === 'date-time') delete jsonSchema.pattern;
};

/**
 * JSON Schema 2020-12 of every schema with an id, and of `more` by the names given, references being
 * `#/components/schemas/NAME` as OpenAPI 3.1 and AsyncAPI 3 both have them.
 * As input throughout: an output schema would forbid fields that a later version adds.
 */
export const jsonSchemas = (more: Record<string, z.ZodType> = {}): Record<string, JsonSchema> => {
  const registry = z.registry<{ id?: string }>();
  for (const [id, schema] of z.globalRegistry._idmap) registry.add(schema, { id });
  for (const [id, schema] of Object.entries(more)) if (!registry.has(schema)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { io: 'input', uri: (id) => `#/components/schemas/${id}`, override: withoutNoise });
  return Object.fromEntries(
    Object.entries(schemas).map(([name, { $schema: _dialect, $id: _id, ...schema }]) => [name, schema as JsonSchema]),
  );
};

const REFERENCE = /"#\/components\/schemas\/(\w+)"/g;

/** The schemas that a document refers to, directly or through each other, by name in order. */
export const schemasUsedIn = (document: unknown, all: Record<string, JsonSchema>): Record<string, JsonSchema> => {
  const used = new Set<string>();
  const follow = (part: unknown): void => {
    for (const [, name] of JSON.stringify(part).matchAll(REFERENCE)) {
      if (used.has(name!)) continue;
      const schema = all[name!];
      if (!schema) throw new Error(`no schema is called ${name}`);
      used.add(name!);
      follow(schema);
    }
  };
  follow(document);
  return Object.fromEntries([...used].sort().map((name) => [name, all[name]!]));
};

import * as contracts from '#contracts';
import { REQUESTS, jsonSchemas, type JsonSchema, type RequestContract } from '#contracts';
import { z } from 'zod';
import { routeFields } from './route-fields';

const requests: readonly RequestContract[] = REQUESTS;
const idOf = (schema: z.ZodType): string | undefined => z.globalRegistry.get(schema)?.id;

export const refTo = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` });

/** Reference to a schema by its id. */
export const ref = (schema: z.ZodType): JsonSchema => {
  const id = idOf(schema);
  if (id === undefined) throw new Error('a schema of the public contract has no id');
  return refTo(id);
};

const names = new Map(Object.entries(contracts).map(([name, value]) => [value as unknown, name]));

/** Name of the constant that holds a contract, `CreateTarget`. */
const constantOf = (contract: RequestContract): string => {
  const name = names.get(contract);
  if (name === undefined) throw new Error(`the contract of ${contract.subject} is not exported`);
  return name;
};

/** `createTarget`. */
export const operationId = (contract: RequestContract): string => constantOf(contract).replace(/^./, (first) => first.toLowerCase());

/** By schema, since get and delete share theirs. */
const inputNames = new Map<z.ZodType, string>();
for (const contract of requests)
  if (!inputNames.has(contract.input)) inputNames.set(contract.input, idOf(contract.input) ?? `${constantOf(contract)}Input`);

const inputName = (contract: RequestContract): string => inputNames.get(contract.input)!;

/** Each schema of the contract, and each input that has no id. */
const contractSchemas = jsonSchemas(Object.fromEntries([...inputNames].map(([schema, name]) => [name, schema])));

/** JSON Schema of each field of a request. */
export const inputFields = (contract: RequestContract): Record<string, JsonSchema> =>
  (contractSchemas[inputName(contract)]!['properties'] ?? {}) as Record<string, JsonSchema>;

/** The body's schema; where the path takes a field away, `UpdateMachine` has a `MachineUpdateRequest` of its own. */
export const bodyName = (contract: RequestContract): string | undefined => {
  const { path, body } = routeFields(contract);
  if (body.length === 0) return undefined;
  if (path.length === 0) return inputName(contract);
  return constantOf(contract).replace(/^([A-Z][a-z]+)(\w+)$/, '$2$1Request');
};

const ownBodies = (): [string, JsonSchema][] =>
  requests.flatMap((contract) => {
    const { path, body } = routeFields(contract);
    const name = bodyName(contract);
    if (name === undefined || path.length === 0) return [];
    const properties = Object.fromEntries(body.map((field) => [field, inputFields(contract)[field]]));
    return [[name, { type: 'object', properties, additionalProperties: false }]];
  });

/** Every schema that the document may refer to. */
export const allSchemas = (): Record<string, JsonSchema> => ({ ...contractSchemas, ...Object.fromEntries(ownBodies()) });

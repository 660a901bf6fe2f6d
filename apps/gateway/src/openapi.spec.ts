import { Validator } from '@seriousme/openapi-schema-validator';
import Ajv from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import { REQUESTS, errorFacts, type RequestContract } from '#contracts';
import { openApi } from './openapi';

interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object> };
}
interface Operation {
  operationId: string;
  responses: Record<string, { content: Record<string, { schema: object; example?: unknown }> }>;
  requestBody?: { content: Record<string, { schema: object; example?: unknown }> };
}

const document = openApi() as unknown as Document;
const operationOf = ({ http }: RequestContract): Operation => document.paths[`/api/v1${http.path}`]![http.method.toLowerCase()]!;

const ajv = new Ajv({ strict: false });
addFormats(ajv);
ajv.addSchema(document, 'document');
const problemsWith = (schema: object, value: unknown) => {
  const check = ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"document#/')) as object);
  return check(value) ? [] : check.errors;
};

describe('the OpenAPI document', () => {
  it('is valid OpenAPI 3.1', async () => {
    const result = await new Validator().validate(structuredClone(document) as never);

    expect(result).toMatchObject({ valid: true });
  });

  it('has no reference that leads nowhere, and no schema that nothing leads to', () => {
    const referred = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map((match) => match[1]);

    expect(Object.keys(document.components.schemas)).toEqual([...new Set(referred)].sort());
  });

  it('names the schemas that clients rely on', () => {
    expect(Object.keys(document.components.schemas)).toEqual(
      expect.arrayContaining(['TargetCreateRequest', 'TargetResponse', 'TargetStatusResponse', 'TargetListResponse', 'Problem']),
    );
  });

  it('has an operation for each request, each with an id of its own', () => {
    const ids = (REQUESTS as readonly RequestContract[]).map((contract) => operationOf(contract).operationId);

    expect(new Set(ids).size).toBe(REQUESTS.length);
    expect(ids).toEqual(expect.arrayContaining(['createTarget', 'getTargetByMachine', 'login', 'searchAudit']));
  });

  it.each(REQUESTS.map((contract) => [contract.subject, contract as RequestContract]))('lists the errors of %s', (_subject, contract) => {
    const { responses } = operationOf(contract);

    for (const code of contract.errors) expect(JSON.stringify(responses[errorFacts(code).status])).toContain(`"${code}"`);
    for (const status of contract.http.success) expect(responses[status]).toBeDefined();
  });

  it.each(REQUESTS.map((contract) => [contract.subject, contract as RequestContract]))(
    'shows examples of %s that its own schemas accept',
    (_subject, contract) => {
      const { responses, requestBody } = operationOf(contract);
      const contents = [requestBody, ...contract.http.success.map((status) => responses[status])].flatMap(
        (part) => part?.content['application/json'] ?? [],
      );

      expect(contents.flatMap(({ schema, example }) => (example === undefined ? [] : problemsWith(schema, example)))).toEqual([]);
      expect(contents.filter(({ example }) => example !== undefined).length).toBeGreaterThan(0);
    },
  );
});

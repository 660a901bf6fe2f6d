import { Validator } from '@seriousme/openapi-schema-validator';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** docs/openapi.json, valid OpenAPI 3.1 or not written. */
export const openApiJson = async () => {
  const document = require('../dist/apps/gateway/src/openapi.js').openApi();
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  if (!valid) throw new Error(`the OpenAPI document is not valid: ${JSON.stringify(errors, null, 2)}`);
  return `${JSON.stringify(document, null, 2)}\n`;
};

import { Refused, shownName, type FieldError, type RequestContract } from '#contracts';
import { queryInput, type Query } from './query-input';
import { routeFields } from './route-fields';

export interface RequestParts {
  params: Readonly<Record<string, unknown>>;
  query: Query;
  body: Readonly<Record<string, unknown>>;
}

/**
 * The NATS body of an HTTP request. Its values are not looked at: the service validates, authorises and audits.
 * @throws Refused UNKNOWN_FIELD when a field is named in two places, or in the query string of a route that takes none:
 * the service could not tell, and one of the two would win silently.
 */
export const requestInput = (contract: RequestContract, { params, query, body }: RequestParts): Record<string, unknown> => {
  const fields = routeFields(contract);
  const errors: FieldError[] = [];
  const unknown = (field: string, message: string) => errors.push({ field: shownName(field), code: 'UNKNOWN_FIELD', message });
  for (const name of Object.keys(query)) {
    if (fields.path.includes(name)) unknown(name, 'is given by the path');
    else if (fields.query.length === 0 && fields.body.length > 0) unknown(name, 'belongs in the body');
  }
  for (const name of Object.keys(body)) {
    if (fields.path.includes(name)) unknown(name, 'is given by the path');
    else if (Object.hasOwn(query, name)) unknown(name, 'is given by the query string');
  }
  if (errors.length > 0) throw new Refused('UNKNOWN_FIELD', { errors: errors.slice(0, 20) });
  return { ...params, ...queryInput(contract.input, query), ...body };
};

import {
  CreateTarget,
  DeleteTarget,
  GetTarget,
  ListTargets,
  Login,
  type Refused,
  RestartTarget,
  UpdateMachine,
  type RequestContract,
} from '#contracts';
import { requestInput, type RequestParts } from './request-input';

const parts = (given: Partial<RequestParts>): RequestParts => ({ params: {}, query: {}, body: {}, ...given });

const refusal = (contract: RequestContract, given: Partial<RequestParts>) => {
  try {
    requestInput(contract, parts(given));
  } catch (error) {
    return error as Refused;
  }
  throw new Error('was accepted');
};

describe('requestInput', () => {
  it('makes one body of path, query and body, without looking at values', () => {
    expect(requestInput(UpdateMachine, parts({ params: { id: 'x' }, body: { name: 'a b', nonsense: 1 } }))).toEqual({
      id: 'x',
      name: 'a b',
      nonsense: 1,
    });
    expect(requestInput(ListTargets, parts({ query: { limit: '5' } }))).toEqual({ limit: 5 });
  });

  it.each(['query', 'body'] as const)('takes the switch of restart from the %s', (place) => {
    const given = { params: { id: 'x' }, [place]: { if_idle: place === 'query' ? 'true' : true } };

    expect(requestInput(RestartTarget, parts(given))).toEqual({ id: 'x', if_idle: true });
  });

  it('heeds if_idle in the body of a DELETE: to overlook it would log a machine out', () => {
    expect(requestInput(DeleteTarget, parts({ params: { id: 'x' }, body: { if_idle: true } }))).toEqual({ id: 'x', if_idle: true });
  });

  it.each([
    ['the path’s field in the body', UpdateMachine, { params: { id: 'x' }, body: { id: 'y' } }, 'id'],
    ['the path’s field in the query', GetTarget, { params: { id: 'x' }, query: { id: 'y' } }, 'id'],
    ['a field in query and body', RestartTarget, { params: { id: 'x' }, query: { if_idle: 'true' }, body: { if_idle: false } }, 'if_idle'],
    ['a password in the address', Login, { query: { password: 'secret' } }, 'password'],
    ['a query on a create', CreateTarget, { query: { machine_id: 'x' } }, 'machine_id'],
  ])('refuses %s', (_what, contract, given, field) => {
    const refused = refusal(contract, given);

    expect(refused.code).toBe('UNKNOWN_FIELD');
    expect(refused.details.errors).toMatchObject([{ field, code: 'UNKNOWN_FIELD' }]);
    expect(JSON.stringify(refused.details)).not.toContain('secret');
  });

  it('keeps a field called __proto__ a field, for the service to refuse', () => {
    const input = requestInput(CreateTarget, parts({ body: JSON.parse('{"__proto__": {"admin": true}}') as Record<string, unknown> }));

    expect(Object.keys(input)).toEqual(['__proto__']);
    expect('admin' in input).toBe(false);
  });
});

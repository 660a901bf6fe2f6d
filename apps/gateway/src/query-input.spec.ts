import { ListSessions, ListTargets } from '#contracts';
import { queryInput } from './query-input';

describe('queryInput', () => {
  it('reads numbers and booleans where the contract has them, also below a default', () => {
    expect(queryInput(ListTargets.input, { limit: '20', include_deleted: 'true', status: 'ACTIVE' })).toEqual({
      limit: 20,
      include_deleted: true,
      status: 'ACTIVE',
    });
    expect(queryInput(ListSessions.input, { open: 'false' })).toEqual({ open: false });
  });

  it.each(['', ' 1', '1e3', '0x10', 'Infinity', 'NaN', '1,5', '9'.repeat(16), 'ten'])('leaves %j as text for a number', (text) => {
    expect(queryInput(ListTargets.input, { limit: text })).toEqual({ limit: text });
  });

  it.each(['', '1', 'TRUE', 'yes'])('leaves %j as text for a boolean', (text) => {
    expect(queryInput(ListTargets.input, { include_deleted: text })).toEqual({ include_deleted: text });
  });

  it('leaves a repeated parameter as a list, so that none of them wins', () => {
    expect(queryInput(ListTargets.input, { limit: ['1', '2'] })).toEqual({ limit: ['1', '2'] });
  });

  it('leaves what the contract does not know for the service to refuse', () => {
    expect(queryInput(ListTargets.input, { size: '1', __proto__x: 'y' })).toEqual({ size: '1', __proto__x: 'y' });
  });

  it('leaves digits alone where the contract has text', () => {
    expect(queryInput(ListTargets.input, { cursor: '123' })).toEqual({ cursor: '123' });
  });
});

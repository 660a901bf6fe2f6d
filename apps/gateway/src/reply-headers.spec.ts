import { CreateTarget, CreateUser, DeleteTarget, GetTarget, UpdateImage } from '#contracts';
import { locationOf, successStatus } from './reply-headers';

describe('successStatus', () => {
  it.each([
    ['a create that is done', CreateTarget, { id: 'x', operation: null }, 201],
    ['a create that runs', CreateTarget, { id: 'x', operation: 'create' }, 202],
    ['a delete that is done', DeleteTarget, { id: 'x', operation: null }, 200],
    ['a delete that runs', DeleteTarget, { id: 'x', operation: 'delete' }, 202],
    ['a target that is only read', GetTarget, { id: 'x', operation: 'restart' }, 200],
    ['a create of something else', CreateUser, { id: 'x' }, 201],
    ['an update', UpdateImage, { id: 'x' }, 200],
  ])('of %s', (_what, contract, reply, status) => {
    expect(successStatus(contract, reply)).toBe(status);
  });
});

describe('locationOf', () => {
  it('is where a created thing can be read', () => {
    expect(locationOf(CreateTarget, { id: '42' })).toBe('/api/v1/targets/42');
    expect(locationOf(CreateUser, { id: '42' })).toBe('/api/v1/users/42');
  });

  it('is nothing for what was there before', () => {
    expect(locationOf(DeleteTarget, { id: '42' })).toBeUndefined();
    expect(locationOf(CreateTarget, {})).toBeUndefined();
  });
});

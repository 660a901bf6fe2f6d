import { BadRequestException, NotFoundException } from '@nestjs/common';
import { Refused } from '#contracts';
import { refusalOf } from './error.filter';

const libraryError = (fields: object) => Object.assign(new Error('ENOENT /etc/secret'), fields);

describe('refusalOf', () => {
  it.each([
    ['a refusal', new Refused('IMAGE_IN_USE'), 'IMAGE_IN_USE'],
    ['a body over the limit', libraryError({ type: 'entity.too.large', status: 413 }), 'PAYLOAD_TOO_LARGE'],
    ['a compressed body', libraryError({ type: 'encoding.unsupported', status: 415 }), 'UNSUPPORTED_MEDIA_TYPE'],
    ['an unknown route', new NotFoundException(), 'ROUTE_NOT_FOUND'],
    ['a path with a broken escape', new BadRequestException(), 'ROUTE_NOT_FOUND'],
    ['a static file outside its folder', libraryError({ status: 403 }), 'ROUTE_NOT_FOUND'],
    ['an error of ours', new TypeError('x is undefined'), 'INTERNAL'],
    ['what is no error at all', undefined, 'INTERNAL'],
  ])('of %s', (_what, error, code) => {
    expect(refusalOf(error).code).toBe(code);
  });

  it('keeps the text of an inner error inside', () => {
    expect(JSON.stringify(refusalOf(libraryError({})).toProblem('r'))).not.toContain('secret');
  });
});

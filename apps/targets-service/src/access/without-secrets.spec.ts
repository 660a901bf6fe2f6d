import { withoutSecrets } from './without-secrets';

const ID = '0197c3f0-0000-7000-8000-000000000001';

it('fields for secrets are replaced, and the rest of a well-formed body is kept', () => {
  const asked = { username: 'ada', password: 'p', role: 'admin', chap: { secret: 's', mutual: true } };

  expect(withoutSecrets(asked, true)).toEqual({
    username: 'ada',
    password: '[redacted]',
    role: 'admin',
    chap: { secret: '[redacted]', mutual: true },
  });
});

it('of a body that is not well formed no text is kept, since it may be a secret in the wrong place', () => {
  const asked = { id: ID, mac_address: '52:54:00:00:00:01', name: 'hunter2hunter2', 'hunter2-hunter2': 1, file: ['hunter2'], role: null };

  expect(withoutSecrets(asked, false)).toEqual({
    id: ID,
    mac_address: '52:54:00:00:00:01',
    name: '[14 characters]',
    '[15 characters]': 1,
    file: ['[7 characters]'],
    role: null,
  });
});

it('what Postgres cannot store is replaced, in texts and in names, and where a cut parts a pair', () => {
  expect(withoutSecrets({ 'a\0': 'b\0', c: '\ud800x', d: '😀' }, true)).toEqual({ 'a\ufffd': 'b\ufffd', c: '\ufffdx', d: '😀' });
  expect(withoutSecrets(`${'x'.repeat(199)}😀`, true)).toBe(`${'x'.repeat(199)}\ufffd…`);
});

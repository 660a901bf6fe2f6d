import { createHash } from 'node:crypto';
import { newId } from '#runtime';
import { TargetsServiceForTests, eventually, newMachine, type Reply } from '../../../../test/harness/targets-service-for-tests';

const service = new TargetsServiceForTests();
const soon = (ms: number) => new Date(Date.now() + ms).toISOString();

jest.setTimeout(20_000);
beforeAll(() => service.start(), 60_000);
afterAll(() => service.stop());

/** A user with an own password, logged in. */
const someone = async (role: string) => {
  const username = `u-${newId()}`;
  const password = `${newId()}-password`;
  const { id } = await service.ask('users.create', { username, password, role });
  const logIn = async () => (await service.ask('auth.login', { username, password }, { token: null })).access_token;
  return { id, username, password, logIn, token: await logIn() };
};

const make = (token: string, more: object = {}, key?: string): Promise<Reply> =>
  service.ask('tokens.create', { name: `t-${newId()}`, ...more }, { token, key });

const codeOf = async (subject: string, body: unknown, token: string) => (await service.ask(subject, body, { token })).code;

interface Intent {
  actor: string;
  source: string;
  action: string;
  outcome: string;
  code: string | null;
}
const trail = async (where: string, ...values: unknown[]): Promise<Intent[]> =>
  (
    await service.sql.query<{ body: Intent }>(`SELECT body FROM targets.outbox WHERE subject LIKE 'audit-intent.%' AND ${where}`, values)
  ).rows.map(({ body }) => body);

describe('an API token', () => {
  it('does what its user may, from the moment that it is made', async () => {
    const ann = await someone('operator');

    const made = await make(ann.token);

    expect(made).toMatchObject({ role: 'operator', expires_at: null, last_used_at: null, username: ann.username });
    expect((await service.ask('machines.create', newMachine(), { token: made.token })).id).toBeDefined();
    expect(await codeOf('users.list', {}, made.token)).toBe('FORBIDDEN');
  });

  it('is kept as a hash: no row, and no key that it was made with, has its text', async () => {
    const ann = await someone('operator');
    const key = newId();
    const body = { name: 'once' };

    const made = await make(ann.token, body, key);
    const again = await make(ann.token, body, key);

    const secret = made.token.slice(-43);
    const { rows } = await service.sql.query<{ hash: Buffer }>('SELECT hash FROM targets.api_tokens WHERE id = $1', [made.id]);
    expect(rows[0]!.hash).toEqual(createHash('sha256').update(secret).digest());
    for (const table of ['api_tokens', 'idempotency_keys', 'outbox']) {
      const found = await service.sql.query(`SELECT 1 FROM targets.${table} AS row WHERE position($1 in row::text) > 0`, [secret]);
      expect([table, found.rowCount]).toEqual([table, 0]);
    }
    expect(again).toMatchObject({ id: made.id, name: 'once' });
    expect(again.token).toBeUndefined();
  });

  it('makes no other token, and is exchanged for an access token that makes none either', async () => {
    const ann = await someone('admin');
    const { token } = await make(ann.token);

    const exchanged = await service.ask('auth.exchange', {}, { token });

    expect(exchanged.expires_in).toBe(900);
    expect(await codeOf('tokens.create', { name: 'more' }, token)).toBe('FORBIDDEN');
    expect(await codeOf('tokens.create', { name: 'more' }, exchanged.access_token)).toBe('FORBIDDEN');
    expect(await codeOf('targets.list', {}, exchanged.access_token)).toBeUndefined();
    expect(await codeOf('auth.exchange', {}, ann.token)).toBe('FORBIDDEN');
  });

  it('has never a higher role than its user, then and later', async () => {
    const ann = await someone('operator');

    expect((await make(ann.token, { role: 'admin' })).code).toBe('ROLE_TOO_HIGH');
    expect((await make(ann.token, { role: 'auditor' })).code).toBe('ROLE_TOO_HIGH');
    const made = await make(ann.token);
    await service.ask('users.update', { id: ann.id, role: 'viewer' });

    expect(await codeOf('machines.create', newMachine(), made.token)).toBe('FORBIDDEN');
    expect((await service.ask('tokens.list', { user_id: ann.id })).items).toMatchObject([{ id: made.id, role: 'viewer' }]);
  });

  it('is good for nothing from the moment that it is revoked, nor is what it was exchanged for', async () => {
    const ann = await someone('operator');
    const made = await make(ann.token);
    const { access_token } = await service.ask('auth.exchange', {}, { token: made.token });

    await service.ask('tokens.revoke', { id: made.id }, { token: ann.token });

    expect(await codeOf('targets.list', {}, made.token)).toBe('TOKEN_REVOKED');
    expect(await codeOf('auth.exchange', {}, made.token)).toBe('TOKEN_REVOKED');
    expect(await codeOf('targets.list', {}, access_token)).toBe('TOKEN_REVOKED');
    expect(await codeOf('tokens.revoke', { id: made.id }, ann.token)).toBe('TOKEN_NOT_FOUND');
  });

  it('ends when it was said to, and what it was exchanged for not later', async () => {
    const ann = await someone('operator');
    const made = await make(ann.token, { expires_at: soon(2_500) });

    const { access_token, expires_in } = await service.ask('auth.exchange', {}, { token: made.token });
    await eventually(
      () => codeOf('targets.list', {}, made.token),
      (code) => code === 'TOKEN_EXPIRED',
    );

    expect(expires_in).toBeLessThanOrEqual(2);
    expect(await codeOf('targets.list', {}, access_token)).toBe('TOKEN_EXPIRED');
    expect((await make(ann.token, { expires_at: soon(-1) })).code).toBe('INVALID_VALUE');
  });

  it('ends with its user, and a new user of the same name does not bring it back', async () => {
    const ann = await someone('operator');
    const made = await make(ann.token);

    await service.ask('users.delete', { id: ann.id });
    await service.ask('users.create', { username: ann.username, password: ann.password, role: 'operator' });

    expect(await codeOf('targets.list', {}, made.token)).toBe('TOKEN_REVOKED');
    expect(await codeOf('targets.list', {}, ann.token)).toBe('TOKEN_REVOKED');
  });

  it('is refused when the secret of another one stands behind its id', async () => {
    const ann = await someone('operator');
    const [one, other] = [await make(ann.token), await make(ann.token)];

    expect(await codeOf('targets.list', {}, one.token.slice(0, -43) + other.token.slice(-43))).toBe('TOKEN_INVALID');
    expect(await codeOf('targets.list', {}, `spt_${newId().replaceAll('-', '')}_${one.token.slice(-43)}`)).toBe('TOKEN_INVALID');
  });

  it('is listed and revoked by its user and by admins, and not by others', async () => {
    const [ann, eve] = [await someone('operator'), await someone('operator')];
    const [one, other] = [await make(ann.token), await make(ann.token)];

    expect((await service.ask('tokens.list', {}, { token: ann.token })).items.map(({ id }) => id)).toEqual([other.id, one.id]);
    expect((await service.ask('tokens.list', {}, { token: eve.token })).total).toBe(0);
    expect(await codeOf('tokens.list', { user_id: ann.id }, eve.token)).toBe('FORBIDDEN');
    expect(await codeOf('tokens.revoke', { id: one.id }, eve.token)).toBe('TOKEN_NOT_FOUND');
    expect(await codeOf('tokens.revoke', { id: one.id }, other.token)).toBe('TOKEN_NOT_FOUND');
    expect(await codeOf('tokens.revoke', { id: other.id }, other.token)).toBeUndefined();
    expect(await codeOf('tokens.revoke', { id: one.id }, service.admin)).toBeUndefined();
  });

  it('has a name of its own among those of its user that are not revoked', async () => {
    const ann = await someone('viewer');
    const made = await make(ann.token, { name: 'planner' });

    expect((await make(ann.token, { name: 'Planner' })).code).toBe('TOKEN_NAME_TAKEN');
    await service.ask('tokens.revoke', { id: made.id }, { token: ann.token });
    expect((await make(ann.token, { name: 'planner' })).code).toBeUndefined();
  });

  it('tells when it was last used', async () => {
    const ann = await someone('viewer');
    const made = await make(ann.token);

    await service.ask('targets.list', {}, { token: made.token });

    const [listed] = (await service.ask('tokens.list', {}, { token: ann.token })).items;
    expect(Date.now() - Date.parse(listed!.last_used_at!)).toBeLessThan(10_000);
  });

  it('stands in the trail: made, used, used in vain, revoked, and used after that', async () => {
    const ann = await someone('operator');
    const made = await make(ann.token);
    const machine = await service.ask('machines.create', newMachine(), { token: made.token });
    await service.ask('users.list', {}, { token: made.token });
    await service.ask('tokens.revoke', { id: made.id });
    await service.ask('targets.list', {}, { token: made.token });

    const by = `http:127.0.0.1 token:${made.id}`;
    expect(await trail(`body->'resource'->>'id' IN ($1, $2) ORDER BY position`, made.id, machine.id)).toMatchObject([
      { actor: ann.username, action: 'tokens.create', outcome: 'allowed', source: 'http:127.0.0.1' },
      { actor: ann.username, action: 'machines.create', outcome: 'allowed', source: by },
      { actor: 'admin', action: 'tokens.revoke', outcome: 'allowed' },
    ]);
    expect(await trail(`body->>'source' = $1 AND body->>'outcome' = 'denied' ORDER BY position`, by)).toMatchObject([
      { actor: ann.username, action: 'users.list', code: 'FORBIDDEN' },
      { actor: ann.username, action: 'targets.list', code: 'TOKEN_REVOKED' },
    ]);
  });
});

describe('an access token of a login', () => {
  it('loses what the role of its user has lost, at once', async () => {
    const ann = await someone('operator');

    await service.ask('users.update', { id: ann.id, role: 'viewer' });

    expect(await codeOf('machines.create', newMachine(), ann.token)).toBe('FORBIDDEN');
    expect(await codeOf('targets.list', {}, ann.token)).toBeUndefined();
  });

  it('ends when the password is changed; an API token does not', async () => {
    const ann = await someone('operator');
    const made = await make(ann.token);

    await service.ask('users.update', { id: ann.id, password: `${newId()}-other` });

    expect(await codeOf('targets.list', {}, ann.token)).toBe('TOKEN_REVOKED');
    expect(await codeOf('targets.list', {}, made.token)).toBeUndefined();
  });

  it('a failed login stands in the trail with whose it was and where it came from, and without what was typed', async () => {
    const ann = await service.ask('users.create', { username: 'ann-of-old', password: `${newId()}-first`, role: 'viewer' });

    await service.ask('auth.login', { username: 'ann-of-old', password: 'guess-guess-guess' }, { token: null, source: 'http:192.0.2.88' });

    const [entry, ...more] = await trail(`body->>'source' = 'http:192.0.2.88'`);
    expect(entry).toMatchObject({
      actor: 'anonymous',
      action: 'auth.login',
      outcome: 'denied',
      code: 'LOGIN_FAILED',
      resource: { type: 'user', id: ann.id },
      after: { username: '[10 characters]', password: '[redacted]' },
    });
    expect(more).toEqual([]);
  });
});

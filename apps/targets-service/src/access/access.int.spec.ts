import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { REQUESTS, mayDo, type Role } from '#contracts';
import { migrate } from '#database';
import { newId } from '#runtime';
import { TargetsServiceForTests, log } from '../../../../test/harness/targets-service-for-tests';
import { MIGRATIONS, SCHEMA } from '../data-source';
import { makeFirstAdmin } from './first-admin';

const service = new TargetsServiceForTests();

jest.setTimeout(20_000);
beforeAll(() => service.start(), 60_000);
afterAll(() => service.stop());

describe('access', () => {
  it('every role may do what the table says and nothing else', async () => {
    const roles: Role[] = ['viewer', 'operator', 'admin', 'auditor'];
    const unexpected: string[] = [];
    const ours = REQUESTS.filter(({ subject }) => subject !== 'auth.login' && !subject.startsWith('audit.'));
    let cells = 0;
    for (const role of roles) {
      const password = `${newId()}-password`;
      await service.ask('users.create', { username: `is-${role}`, password, role });
      const token = (await service.ask('auth.login', { username: `is-${role}`, password }, { token: null })).access_token;
      for (const { subject } of ours) {
        const { code } = await service.ask(subject, { nonsense: true }, { token });
        if ((code === 'FORBIDDEN') === mayDo(role, subject, 'login')) unexpected.push(`${role} ${subject} ${code}`);
        cells++;
      }
    }

    expect(unexpected).toEqual([]);
    expect(cells).toBe(4 * 37);
  });

  it('a name is locked for the source that guesses, not for others, and whether it exists does not show', async () => {
    const guess = (username: string, source: string) =>
      service.ask('auth.login', { username, password: 'wrong password' }, { token: null, source });

    const codes: (string | undefined)[] = [];
    for (const username of ['admin', 'nobody-of-this-name'])
      for (let i = 0; i < 4; i++) codes.push((await guess(username, 'http:192.0.2.66')).code);
    const elsewhere = await service.ask(
      'auth.login',
      { username: 'admin', password: service.credentials.adminPassword },
      { token: null, source: 'http:192.0.2.77' },
    );

    expect(codes).toEqual(Array(2).fill(['LOGIN_FAILED', 'LOGIN_FAILED', 'LOGIN_FAILED', 'LOGIN_LOCKED']).flat());
    expect(elsewhere.access_token).toBeDefined();
  });

  it('a refusal stands in the trail whatever its body holds, and without the secret that was in the wrong field', async () => {
    const hostile = { 'x\0': 'half \ud800', mac_address: '52:54:00:00:00:01', name: 'hunter2-hunter2' };
    await service.ask('machines.create', hostile, { token: service.admin });
    await service.ask('auth.login', { username: 'a\0b', password: 'hunter2-hunter2' }, { token: null, source: 'http:192.0.2.88' });
    await service.ask('auth.login', { username: 'ADMIN', password: 'hunter2-hunter2' }, { token: null, source: 'http:192.0.2.88' });

    const { rows } = await service.sql.query<{ body: Record<string, never> }>(
      `SELECT body FROM targets.outbox WHERE subject LIKE 'audit-intent.%' AND body->>'outcome' = 'denied' ORDER BY position DESC LIMIT 3`,
    );
    const { items } = await service.ask('users.list', { username: 'admin' });
    const login = { action: 'auth.login', actor: 'anonymous', code: 'LOGIN_FAILED', source: 'http:192.0.2.88' };
    expect(rows.map(({ body }) => body)).toMatchObject([
      { ...login, resource: { type: 'user', id: items[0]!.id }, after: { username: '[5 characters]', password: '[redacted]' } },
      { ...login, resource: { type: 'user', id: null }, after: { username: '[3 characters]' } },
      {
        action: 'machines.create',
        after: { '[2 characters]': '[6 characters]', mac_address: '52:54:00:00:00:01', name: '[15 characters]' },
      },
    ]);
    expect(JSON.stringify(rows)).not.toContain('hunter2');
  });

  it('the last admin stays', async () => {
    const users = await service.ask('users.list', { username: 'admin' });
    await service.sql.query(`UPDATE targets.users SET deleted_at = now() WHERE username = 'is-admin'`);

    expect((await service.ask('users.delete', { id: users.items[0]!.id })).code).toBe('LAST_ADMIN');
    expect((await service.ask('users.update', { id: users.items[0]!.id, role: 'viewer' })).code).toBe('LAST_ADMIN');
  });

  it('a default password for the first admin is refused at start', async () => {
    const file = join(service.dir, 'default-password');
    const fresh = service.inDatabase('fresh');
    writeFileSync(file, 'changeme-changeme');

    await migrate(fresh.targets_owner, MIGRATIONS, SCHEMA, log);
    const database = await service.dataSource(fresh.targets_app);

    const refused = makeFirstAdmin(database, await service.settings({ ADMIN_PASSWORD_FILE: file }));

    await expect(refused).rejects.toThrow('ADMIN_PASSWORD_FILE: holds a default password');
    await database.destroy();
  });
});

import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { newApiToken, newId } from '#runtime';
import { signAccessToken, type AccessClaims } from '#tokens';
import type { Asker } from './role-rule';
import type { World } from './role-world';

export interface EquippedAsker extends Asker {
  authorization: string | undefined;
}

type Letter = NonNullable<Asker['role']>;
const ROLES: Record<Letter, AccessClaims['role']> = { v: 'viewer', o: 'operator', u: 'auditor', a: 'admin' };
const LETTERS = Object.keys(ROLES) as Letter[];

/** Everybody who may come to a door: each role by login and by API token, and everything that was good once or never. */
export const equipAskers = async (world: World): Promise<EquippedAsker[]> => {
  const ask = async (subject: string, body: object, token?: string) => {
    const { status, body: answer } = await world.ask(subject, body, token && `Bearer ${token}`);
    if (status >= 400) throw new Error(`${subject} was answered ${status} ${String(answer['code'])}`);
    return answer as Record<string, string>;
  };
  const logIn = async (username: string, password: string) => (await ask('auth.login', { username, password })).access_token!;
  const admin = await logIn('admin', world.credentials.adminPassword);
  const someone = async (letter: Letter) => {
    const [username, password] = [`u-${newId()}`, newId()];
    const { id } = await ask('users.create', { username, password, role: ROLES[letter] }, admin);
    return { id: id!, login: await logIn(username, password), claims: { sub: id!, username, role: ROLES[letter], epoch: 0 } };
  };
  const tokenOf = async (login: string, more = {}) => ask('tokens.create', { name: `t-${newId()}`, ...more }, login);

  const askers: (Asker & { token: string | undefined })[] = [];
  const add = (name: string, token: string | undefined, more: Omit<Asker, 'name'> = {}) => askers.push({ name, token, ...more });
  add('nobody', undefined);
  for (const letter of LETTERS) {
    const { login } = await someone(letter);
    add(`${ROLES[letter]}, logged in`, login, { role: letter, proof: 'login' });
    add(`${ROLES[letter]}, API token`, (await tokenOf(login)).token, { role: letter, proof: 'api-token' });
  }

  const key = readFileSync(world.credentials.privateKeyFile, 'utf8');
  const boss = await someone('a');
  add('expired login of an admin', signAccessToken(boss.claims, key, -61));
  add('admin, signed by another key', signAccessToken(boss.claims, otherKey()));
  add('admin, not signed', `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${boss.login.split('.')[1]}.x`);
  add('API token that never was', newApiToken(newId()).text);

  const revoked = await tokenOf(boss.login);
  const exchanged = await ask('auth.exchange', {}, revoked.token);
  await ask('tokens.revoke', { id: revoked.id! }, boss.login);
  add('revoked API token of an admin', revoked.token);
  add('exchanged for it before', exchanged.access_token, { roleOnPaper: 'a', proof: 'api-token' });

  const little = await tokenOf(boss.login, { role: 'operator' });
  add('admin’s API token for an operator', little.token, { role: 'o', proof: 'api-token' });
  add('exchanged for that', (await ask('auth.exchange', {}, little.token)).access_token, { role: 'o', proof: 'api-token' });

  const fallen = await someone('a');
  const fallenToken = await tokenOf(fallen.login);
  await ask('users.update', { id: fallen.id, role: 'viewer' }, admin);
  add('admin who became a viewer, logged in', fallen.login, { role: 'v', roleOnPaper: 'a', proof: 'login' });
  add('admin who became a viewer, API token', fallenToken.token, { role: 'v', proof: 'api-token' });

  const gone = await someone('a');
  const goneToken = await tokenOf(gone.login);
  await ask('users.delete', { id: gone.id }, admin);
  add('deleted admin, logged in', gone.login, { roleOnPaper: 'a', proof: 'login' });
  add('deleted admin, API token', goneToken.token);

  const short = await tokenOf(boss.login, { expires_at: new Date(Date.now() + 1_000).toISOString() });
  await new Promise((done) => setTimeout(done, 1_100));
  add('expired API token of an admin', short.token);
  return askers.map(({ token, ...asker }) => ({ ...asker, authorization: token === undefined ? undefined : `Bearer ${token}` }));
};

const otherKey = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

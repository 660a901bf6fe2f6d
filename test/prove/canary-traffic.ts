import { randomBytes } from 'node:crypto';
import { TargetCreateRequest } from '#contracts';
import { behave } from '../chaos/targetcli-wrapper';
import type { SpindleForTests } from '../harness/spindle-for-tests';

/** Whether targets take CHAP by now. */
export const CHAP = 'chap' in TargetCreateRequest.shape;

/** Secrets by what they are called in a report. */
export type Secrets = Map<string, string>;

interface Traffic {
  spindle: SpindleForTests;
  secrets: Secrets;
  /** Every answer but those that show a secret once. */
  answers: string[];
  operations: number;
  chapTargets: number;
}

/** 18 characters that no program makes by chance; `mark` makes passwords that must be escaped. */
const secret = (mark = ''): string => `Ca${randomBytes(9).toString('hex').slice(0, 14)}${mark}`;

const keep = ({ secrets }: Traffic, name: string, value: string): string => {
  secrets.set(`${name} ${secrets.size}`, value);
  return value;
};

interface Shown {
  id: string;
  code?: string;
  access_token?: string;
  chap_credentials?: Record<string, string>;
}

/** By HTTP and by NATS in turn. */
const ask = async (
  traffic: Traffic,
  [method, path, subject]: [string, string, string],
  body: Record<string, unknown>,
  token?: string | null,
) => {
  const { spindle } = traffic;
  const { id, ...rest } = body;
  const answer =
    traffic.operations++ % 2 === 0
      ? await spindle.http<Shown>(
          method,
          typeof id === 'string' ? `${path}/${id}` : path,
          method === 'DELETE' || method === 'GET' ? undefined : rest,
          {
            token,
          },
        )
      : await spindle.ask<Shown>(subject, body, { token });
  const { access_token: _token, chap_credentials: _chap, ...shown } = answer.body;
  if (_token) keep(traffic, 'access token', _token);
  for (const [name, value] of Object.entries(_chap ?? {})) if (/secret/.test(name) && value) keep(traffic, `CHAP ${name}`, value);
  traffic.answers.push(JSON.stringify([shown, answer.headers]));
  return answer;
};

const raw = async (traffic: Traffic, path: string, init: RequestInit): Promise<void> => {
  traffic.operations++;
  const response = await fetch(`${traffic.spindle.endpoints.http_url}${path}`, init);
  traffic.answers.push(`${await response.text()} ${JSON.stringify([...response.headers])}`);
};

/** One of each sort of call in which a secret is, or where somebody may put one by mistake. */
const people = async (traffic: Traffic): Promise<void> => {
  const { spindle } = traffic;
  const login = ['POST', 'auth/login', 'auth.login'] as [string, string, string];
  const password = keep(traffic, 'user password', secret('-ä"/&+ %'));
  const username = `u-${randomBytes(5).toString('hex')}`;
  const made = await ask(traffic, ['POST', 'users', 'users.create'], { username, password, role: 'operator' });
  await ask(traffic, login, { username, password }, null);
  await ask(traffic, login, { username, password: keep(traffic, 'wrong password', secret()) }, null);
  await ask(traffic, login, { username: keep(traffic, 'password as user name', secret()), password: 'x' }, null);
  await ask(traffic, ['PATCH', 'users', 'users.update'], { id: made.body.id, password: keep(traffic, 'new password', secret()) });
  const wrong = keep(traffic, 'in a wrong field', secret());
  await ask(traffic, ['POST', 'users', 'users.create'], { username, pasword: wrong, role: wrong });
  await ask(traffic, ['POST', 'images', 'images.create'], { name: `${wrong}/`, file: `../${wrong}`, note: { deep: [wrong] } });
  await ask(traffic, ['GET', 'targets', 'targets.list'], {}, keep(traffic, 'as a token', secret()));
  const broken = keep(traffic, 'in a broken body', secret());
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${spindle.admin}` };
  await raw(traffic, '/api/v1/users', { method: 'POST', headers, body: `{"password": "${broken}", ${broken}` });
  await raw(traffic, '/api/v1/users', { method: 'POST', headers, body: `${broken} is no JSON` });
  const basic = Buffer.from(`${username}:${broken}`).toString('base64');
  await raw(traffic, '/api/v1/targets', { headers: { authorization: `Basic ${basic}` } });
  await ask(traffic, ['GET', 'audit', 'audit.search'], {});
  await ask(traffic, ['DELETE', 'users', 'users.delete'], { id: made.body.id });
};

const disks = async (traffic: Traffic, image_id: string, { fails }: { fails: boolean }): Promise<void> => {
  const { spindle } = traffic;
  const machine = await spindle.machine();
  const given = CHAP && traffic.chapTargets % 2 === 0;
  const secrets = () => ({
    secret: keep(traffic, 'CHAP secret given', secret().slice(0, 16)),
    mutual: true,
    mutual_secret: keep(traffic, 'mutual CHAP secret given', secret().slice(0, 16)),
  });
  const chap = CHAP ? { chap: given ? secrets() : {} } : {};
  if (fails) await behave(spindle, 'break /portals create');
  const target = await ask(traffic, ['POST', 'targets', 'targets.create'], { machine_id: machine.id, image_id, read_only: true, ...chap });
  if (fails) await behave(spindle, 'honest');
  else traffic.chapTargets++;
  if (CHAP && !fails) {
    const rotated = await spindle.http<Shown>('POST', `targets/${target.body.id}/chap/rotate`, {});
    for (const [name, value] of Object.entries(rotated.body.chap_credentials ?? {}))
      if (/secret/.test(name) && value) keep(traffic, `CHAP ${name} rotated`, value);
  }
  await ask(traffic, ['POST', 'targets', 'targets.create'], {
    machine_id: machine.id,
    image_id,
    chap: { secret: keep(traffic, 'CHAP secret refused', secret('!')) },
  });
  await ask(traffic, ['DELETE', 'targets', 'targets.delete'], { id: target.body.id });
};

/** @param crash makes a part die, three times in a run */
export const makeTraffic = async (traffic: Traffic, operations: number, chapTargets: number, crash: (nth: number) => Promise<void>) => {
  const image = await traffic.spindle.image({ read_only: true });
  let crashes = 0;
  for (let round = 0; traffic.operations < operations || traffic.chapTargets < chapTargets; round++) {
    if (traffic.operations < operations) await people(traffic);
    if (traffic.chapTargets < chapTargets) await disks(traffic, image.id, { fails: round % 5 === 4 });
    if (crashes < 3 && traffic.operations > ((crashes + 1) * operations) / 4) await crash(crashes++);
  }
};

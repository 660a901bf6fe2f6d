import type { AuditEntry, Page } from '#contracts';
import { eventually, startSpindleForTests, type SpindleForTests } from '../harness/spindle-for-tests';

let spindle: SpindleForTests;
let machine: { id: string };
let image: { id: string };
let viewer: string;

beforeAll(async () => {
  spindle = await startSpindleForTests('refusals');
  machine = await spindle.machine('taken');
  image = await spindle.image();
  viewer = await spindle.tokenOf('viewer');
  spindle.makeImage('empty.img', 0);
  await spindle.lab.exec('ln -s /etc/passwd /data/images/link.img; mkdir /data/images/folder.img');
}, 120_000);

afterAll(() => spindle?.end(), 30_000);

const NOBODY = '0192f0c0-0000-7000-8000-00000000dead';
const mac = '52:54:00:aa:bb:cc';
const target = () => ({ machine_id: machine.id, image_id: image.id });

type Case = [what: string, path: string, subject: string, body: () => unknown, status: number, code: string, token?: () => string | null];

const names = ['a b', "a'b", 'a"b', 'a\nb', 'a%b', 'a|b', 'ä', '', 'x'.repeat(65)];
const files = ['../sample.img', '/etc/passwd', 'a/b.img', 'a b.img', "a'b", 'a\nb', 'a%b', 'a|b', 'ü.img', '..'];
const iqns = [
  'iqn.2025-01.io.spindle:UPPER',
  'iqn.2025-01.nodots',
  'iqn.2025-13.io.spindle:x',
  'iqn.2025-01.io.spindle:a_b',
  'pc-1',
  `iqn.2025-01.io.spindle:${'x'.repeat(224)}`,
];

const cases: Case[] = [
  ['an unknown machine', 'targets', 'targets.create', () => ({ ...target(), machine_id: NOBODY }), 404, 'MACHINE_NOT_FOUND'],
  ['an unknown image', 'targets', 'targets.create', () => ({ ...target(), image_id: NOBODY }), 404, 'IMAGE_NOT_FOUND'],
  ['an unknown session', 'targets', 'targets.create', () => ({ ...target(), session_id: NOBODY }), 404, 'SESSION_NOT_FOUND'],
  ['an id that is no UUID', 'targets', 'targets.create', () => ({ ...target(), machine_id: 'pc-1' }), 422, 'INVALID_ID'],
  ['a missing field', 'targets', 'targets.create', () => ({ machine_id: machine.id }), 422, 'REQUIRED_FIELD'],
  ['an unknown field', 'targets', 'targets.create', () => ({ ...target(), size: 1 }), 422, 'UNKNOWN_FIELD'],
  [
    'a prototype key',
    'targets',
    'targets.create',
    () => JSON.stringify(target()).replace('{', '{"__proto__":{"admin":true},'),
    422,
    'UNKNOWN_FIELD',
  ],
  ['a wrong type', 'targets', 'targets.create', () => ({ ...target(), read_only: 'yes' }), 422, 'WRONG_TYPE'],
  ['no token', 'targets', 'targets.create', target, 401, 'UNAUTHENTICATED', () => null],
  ['a token that is none', 'targets', 'targets.create', target, 401, 'TOKEN_INVALID', () => 'a.b.c'],
  ['a token without a signature', 'targets', 'targets.create', target, 401, 'TOKEN_INVALID', () => unsigned()],
  ['a viewer', 'targets', 'targets.create', target, 403, 'FORBIDDEN', () => viewer],
  ['a viewer who deletes nothing', 'machines', 'machines.create', () => ({ name: 'x', mac_address: mac }), 403, 'FORBIDDEN', () => viewer],
  ['a machine name that is taken', 'machines', 'machines.create', () => ({ name: 'taken', mac_address: mac }), 409, 'MACHINE_NAME_TAKEN'],
  ['a MAC address that is none', 'machines', 'machines.create', () => ({ name: 'x', mac_address: '52:54' }), 422, 'INVALID_MAC_ADDRESS'],
  ['an image file that is missing', 'images', 'images.create', () => ({ name: 'x', file: 'missing.img' }), 422, 'IMAGE_FILE_MISSING'],
  ['an image of size 0', 'images', 'images.create', () => ({ name: 'x', file: 'empty.img' }), 422, 'IMAGE_EMPTY'],
  ['an image that is a link', 'images', 'images.create', () => ({ name: 'x', file: 'link.img' }), 422, 'IMAGE_NOT_A_FILE'],
  ['an image that is a folder', 'images', 'images.create', () => ({ name: 'x', file: 'folder.img' }), 422, 'IMAGE_NOT_A_FILE'],
  ['a short password', 'users', 'users.create', () => ({ username: 'x', password: 'short', role: 'viewer' }), 422, 'INVALID_PASSWORD'],
  [
    'a role that is none',
    'users',
    'users.create',
    () => ({ username: 'x', password: 'long enough here', role: 'root' }),
    422,
    'INVALID_VALUE',
  ],
  ['a body that is no JSON', 'targets', 'targets.create', () => '{"machine_id":', 400, 'INVALID_JSON'],
  ['a body that is a list', 'targets', 'targets.create', () => '[]', 400, 'INVALID_JSON'],
  [
    'a body over 64 KiB',
    'targets',
    'targets.create',
    () => JSON.stringify({ ...target(), x: 'x'.repeat(70_000) }),
    413,
    'PAYLOAD_TOO_LARGE',
  ],
  ...names.map((name): Case => [
    `the name ${JSON.stringify(name.slice(0, 9))}`,
    'machines',
    'machines.create',
    () => ({ name, mac_address: mac }),
    422,
    'INVALID_NAME',
  ]),
  ...files.map((file): Case => [
    `the image file ${JSON.stringify(file)}`,
    'images',
    'images.create',
    () => ({ name: 'x', file }),
    422,
    'INVALID_IMAGE_FILE',
  ]),
  ...iqns.map((initiator_iqn): Case => [
    `the IQN ${initiator_iqn.slice(0, 40)}`,
    'targets',
    'targets.create',
    () => ({ ...target(), initiator_iqn }),
    422,
    'INVALID_IQN',
  ]),
];

const unsigned = (): string => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none', typ: 'JWT' })}.${part({ sub: NOBODY, username: 'admin', role: 'admin', iss: 'spindle/targets-service', aud: 'spindle' })}.x`;
};

const rows = async () =>
  spindle.sql(
    'SELECT (SELECT count(*) FROM targets.targets) t, (SELECT count(*) FROM targets.machines) m, (SELECT count(*) FROM targets.images) i, (SELECT count(*) FROM targets.users) u',
  );

const table = cases.map(([what, path, subject, body, status, code, token]) => ({ what, path, subject, body, status, code, token }));

it.each(table)(
  '$what is refused alike through HTTP and NATS, and changes nothing',
  async ({ path, subject, body, status, code, token }) => {
    const before = await rows();
    const options = { token: token?.(), headers: { 'x-request-id': `refused-${process.pid}-${cases.length}` } };

    const http = await spindle.http('POST', path, body(), options);
    const nats = await spindle.ask(subject, body(), options);

    expect([http.status, http.code]).toEqual([status, code]);
    expect([nats.status, nats.code]).toEqual([status, code]);
    expect(http.headers['content-type']).toContain('application/problem+json');
    expect(nats.headers['nats-service-error']).toBe(code);
    expect(http.body).toMatchObject({ title: expect.any(String), detail: expect.any(String), request_id: expect.any(String) });
    expect(JSON.stringify([http.body, nats.body])).not.toMatch(/SELECT|INSERT|node_modules|\/data\/|at [A-Z]\w+\./);
    expect(await rows()).toEqual(before);
  },
);

it('a second target for a machine, and a second writable export of an image, are refused with what is in the way', async () => {
  const { body: first } = await spindle.http<{ id: string }>('POST', 'targets', target(), { headers: { prefer: 'wait=20' } });

  const sameMachine = await spindle.http<{ resource_id: string }>('POST', 'targets', target());
  const sameImage = await spindle.http<{ resource_id: string }>('POST', 'targets', {
    ...target(),
    machine_id: (await spindle.machine()).id,
  });

  expect([sameMachine.code, sameMachine.body.resource_id]).toEqual(['MACHINE_HAS_TARGET', first.id]);
  expect([sameImage.code, sameImage.body.resource_id]).toEqual(['IMAGE_IN_USE', first.id]);
  expect((await spindle.http('DELETE', `machines/${machine.id}`)).code).toBe('MACHINE_IN_USE');
  expect((await spindle.http('DELETE', `images/${image.id}`)).code).toBe('IMAGE_IN_USE');
});

it('refusals stand in the audit trail with their code, secrets left out', async () => {
  const secret = `never-shown-${process.pid}`;
  await spindle.http('POST', 'users', { username: 'a b', password: secret, role: 'viewer' });
  await spindle.http('POST', 'auth/login', { username: 'admin', password: secret }, { token: null });

  const trail = await eventually(
    () => spindle.http<Page<AuditEntry>>('GET', 'audit?outcome=denied&limit=200'),
    ({ body }) => body.items.some(({ code }) => code === 'LOGIN_FAILED') && body.items.some(({ action }) => action === 'users.create'),
  );

  const codes = new Set(trail.body.items.map(({ code }) => code));
  for (const code of [
    'MACHINE_NOT_FOUND',
    'INVALID_IQN',
    'INVALID_IMAGE_FILE',
    'UNKNOWN_FIELD',
    'UNAUTHENTICATED',
    'TOKEN_INVALID',
    'FORBIDDEN',
  ])
    expect(codes).toContain(code);
  expect(JSON.stringify(trail.body)).not.toContain(secret);
  expect(trail.body.items.find(({ code }) => code === 'FORBIDDEN')?.actor).not.toBe('anonymous');
}, 30_000);

it('only auditors and admins read the trail, and a refused reader stands in it', async () => {
  const auditor = await spindle.tokenOf('auditor');

  const refused = await spindle.http('GET', 'audit', undefined, { token: viewer });
  const allowed = await spindle.http<Page<AuditEntry>>('GET', 'audit?action=audit.search', undefined, { token: auditor });

  expect([refused.status, refused.code]).toEqual([403, 'FORBIDDEN']);
  expect(allowed.status).toBe(200);
  expect(allowed.body.items[0]).toMatchObject({ action: 'audit.search', outcome: 'denied', code: 'FORBIDDEN' });
});

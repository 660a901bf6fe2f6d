import { connect as connectTcp } from 'node:net';
import type { AuditEntry, Page, TargetListResponse, TargetResponse, TargetStatusResponse } from '#contracts';
import { holdLogin, inquire, qemuIo } from '#embedded';
import { eventually, startSpindleForTests, type SpindleForTests } from '../harness/spindle-for-tests';

let spindle: SpindleForTests;

beforeAll(async () => {
  spindle = await startSpindleForTests('routes');
}, 120_000);

afterAll(() => spindle?.end(), 30_000);

/** The two doors: what HTTP takes in its path, NATS takes in its body. */
const doors = {
  http: {
    create: (body: object) => spindle.http<TargetResponse>('POST', 'targets', body, { headers: { prefer: 'wait=20' } }),
    list: (query: string) => spindle.http<TargetListResponse>('GET', `targets?${query}`),
    get: (id: string) => spindle.http<TargetResponse>('GET', `targets/${id}`),
    status: (id: string) => spindle.http<TargetStatusResponse>('GET', `targets/${id}/status`),
    byMachine: (id: string) => spindle.http<TargetResponse>('GET', `targets/machine/${id}`),
    restart: (id: string) => spindle.http<TargetResponse>('POST', `targets/${id}/restart`, {}, { headers: { prefer: 'wait=20' } }),
    remove: (id: string) => spindle.http<TargetResponse>('DELETE', `targets/${id}`, undefined, { headers: { prefer: 'wait=20' } }),
    created: 201,
  },
  nats: {
    create: (body: object) => spindle.ask<TargetResponse>('targets.create', body, { headers: { Prefer: 'wait=20' } }),
    list: (query: string) => spindle.ask<TargetListResponse>('targets.list', Object.fromEntries(new URLSearchParams(query))),
    get: (id: string) => spindle.ask<TargetResponse>('targets.get', { id }),
    status: (id: string) => spindle.ask<TargetStatusResponse>('targets.status', { id }),
    byMachine: (machine_id: string) => spindle.ask<TargetResponse>('targets.get-by-machine', { machine_id }),
    restart: (id: string) => spindle.ask<TargetResponse>('targets.restart', { id }, { headers: { Prefer: 'wait=20' } }),
    remove: (id: string) => spindle.ask<TargetResponse>('targets.delete', { id }, { headers: { Prefer: 'wait=20' } }),
    created: 200,
  },
};

describe.each(Object.entries(doors))('the seven target routes through %s', (_name, door) => {
  it('create, show, restart and delete a target that the kernel really has', async () => {
    const machine = await spindle.machine();
    const image = await spindle.image();
    const before = await spindle.kernelTree();

    const created = await door.create({ machine_id: machine.id, image_id: image.id });

    const target = created.body;
    const login = { portal: spindle.lab.portal, iqn: target.iqn, initiator: machine.initiator_iqn };
    expect(created.status).toBe(door.created);
    expect(target).toMatchObject({ status: 'ACTIVE', operation: null, generation: 1, lun: 0, last_error: null, created_by: 'admin' });
    expect(target).toMatchObject({ portal: { address: spindle.lab.portal.host, port: spindle.lab.portal.port } });
    expect(await qemuIo(login, ['write -P 0x5a 0 1M', 'read -P 0x5a 0 1M'])).toContain('read 1048576/1048576');
    await expect(inquire({ ...login, initiator: `${machine.initiator_iqn}x` })).rejects.toThrow('Authorization failure');

    expect((await door.get(target.id)).body).toEqual(target);
    expect((await door.byMachine(machine.id)).body).toEqual(target);
    const listed = await door.list(`machine_id=${machine.id}`);
    expect(listed.body).toMatchObject({ items: [target], total: 1, next_cursor: null });

    const held = await holdLogin(login);
    const live = await door.status(target.id);
    expect(live.body).toMatchObject({ target_id: target.id, status: 'ACTIVE', node_id: 'lab-1', enabled: true, drift: [] });
    expect(live.body.sessions).toEqual([expect.objectContaining({ initiator_iqn: machine.initiator_iqn, state: 'LOGGED_IN' })]);

    const restarted = await door.restart(target.id);
    expect(restarted.body).toMatchObject({ id: target.id, iqn: target.iqn, status: 'ACTIVE', operation: null, disconnected: 1 });
    await held.release();
    expect(await qemuIo(login, ['read -P 0x5a 0 1M'])).toContain('read 1048576/1048576');

    const again = await holdLogin(login);
    const deleted = await door.remove(target.id);
    await again.release();
    expect(deleted.body).toMatchObject({ id: target.id, status: 'INACTIVE', operation: null, disconnected: 1 });
    expect(deleted.body.deleted_at).not.toBeNull();
    expect(await spindle.kernelTree()).toBe(before);
    await expect(inquire(login)).rejects.toThrow();
    expect((await door.remove(target.id)).body).toEqual(deleted.body);
    expect((await door.restart(target.id)).code).toBe('TARGET_DELETED');
  }, 60_000);
});

it('a target is announced and audited, step by step and with one request id', async () => {
  const machine = await spindle.machine();
  const image = await spindle.image();
  const subscription = spindle.bus.subscribe('target.*');
  const headers = { 'x-request-id': `follow-me-${process.pid}`, prefer: 'wait=20' };

  const created = await spindle.http<TargetResponse>('POST', 'targets', { machine_id: machine.id, image_id: image.id }, { headers });
  await spindle.http('DELETE', `targets/${created.body.id}`, undefined, { headers: { ...headers, 'x-request-id': 'follow-me-too' } });

  const events: Record<string, unknown>[] = [];
  for await (const message of subscription) {
    events.push(message.json());
    if (message.subject === 'target.deleted') break;
  }
  expect(created.headers['x-request-id']).toBe(headers['x-request-id']);
  expect(events.map(({ type, sequence }) => [type, sequence])).toEqual([
    ['io.spindle.target.requested.v1', 1],
    ['io.spindle.target.created.v1', 2],
    ['io.spindle.target.requested.v1', 3],
    ['io.spindle.target.deleted.v1', 4],
  ]);
  expect(events[1]).toMatchObject({ subject: created.body.id, actor: 'admin', correlationid: headers['x-request-id'], data: created.body });
  const trail = await eventually(
    () => spindle.http<Page<AuditEntry>>('GET', `audit?target_id=${created.body.id}`),
    ({ body }) => body.items.some(({ action }) => action === 'target.deleted'),
  );
  expect(trail.body.items.map(({ action, outcome, request_id }) => [action, outcome, request_id]).reverse()).toEqual([
    ['targets.create', 'allowed', headers['x-request-id']],
    ['target.created', 'allowed', headers['x-request-id']],
    ['targets.delete', 'allowed', 'follow-me-too'],
    ['target.deleted', 'allowed', 'follow-me-too'],
  ]);
}, 60_000);

it('a client with nothing but a TCP socket and the NATS text protocol creates a target', async () => {
  const machine = await spindle.machine();
  const image = await spindle.image();
  const { nats_user: user, nats_password: pass } = spindle.endpoints;
  const body = JSON.stringify({ machine_id: machine.id, image_id: image.id });
  const header = `NATS/1.0\r\nAuthorization: Bearer ${spindle.admin}\r\nPrefer: wait=20\r\n\r\n`;

  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connectTcp(spindle.nats.port, '127.0.0.1');
    let text = '';
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      text += chunk.toString();
      if (/HMSG _INBOX\.bare[\s\S]*\}\r\n$/.test(text)) socket.end(() => resolve(text));
    });
    socket.write(`CONNECT ${JSON.stringify({ verbose: false, user, pass, headers: true, lang: 'none', version: '0' })}\r\n`);
    socket.write('SUB _INBOX.bare 1\r\n');
    socket.write(`HPUB targets.create _INBOX.bare ${header.length} ${header.length + body.length}\r\n${header}${body}\r\n`);
  });

  const target = JSON.parse(answer.slice(answer.indexOf('\r\n{') + 2).trim()) as TargetResponse;
  expect(target.status).toBe('ACTIVE');
  expect(await inquire({ portal: spindle.lab.portal, iqn: target.iqn, initiator: machine.initiator_iqn })).toMatchObject({
    vendor: 'LIO-ORG',
  });
}, 60_000);

it('delete and restart with if_idle refuse while an initiator is logged in, and leave it logged in', async () => {
  const machine = await spindle.machine();
  const image = await spindle.image();
  const { body: target } = await doors.http.create({ machine_id: machine.id, image_id: image.id });
  const held = await holdLogin({ portal: spindle.lab.portal, iqn: target.iqn, initiator: machine.initiator_iqn });

  const remove = await spindle.http('DELETE', `targets/${target.id}?if_idle=true`, undefined, { headers: { prefer: 'wait=20' } });
  const restart = await spindle.http('POST', `targets/${target.id}/restart`, { if_idle: true }, { headers: { prefer: 'wait=20' } });

  expect([remove.status, remove.code]).toEqual([409, 'TARGET_IN_USE']);
  expect([restart.status, restart.code]).toEqual([409, 'TARGET_IN_USE']);
  expect((await doors.http.status(target.id)).body).toMatchObject({ status: 'ACTIVE', enabled: true, sessions: [{ state: 'LOGGED_IN' }] });
  await held.release();
}, 60_000);

it('a create that the node cannot do ends as ERROR, says where, and leaves nothing on the node', async () => {
  const machine = await spindle.machine();
  const image = await spindle.image();
  await spindle.lab.exec(`rm /data/images/${image.file}`);
  const before = await spindle.kernelTree();

  const failed = await doors.http.create({ machine_id: machine.id, image_id: image.id });

  expect(failed.body).toMatchObject({ status: 'ERROR', operation: null, last_error: { code: 'BACKING_FILE_MISSING' } });
  expect(JSON.stringify(failed.body)).not.toContain('/data/images');
  expect(await spindle.kernelTree()).toBe(before);
  expect((await doors.http.status(failed.body.id)).body).toMatchObject({ status: 'ERROR', enabled: false, luns: [] });
  spindle.makeImage(image.file);
  expect((await doors.http.restart(failed.body.id)).body).toMatchObject({ status: 'ACTIVE', iqn: failed.body.iqn, last_error: null });
}, 60_000);

it('lists page by page in a stable order, and refuses a cursor of another filter', async () => {
  const image = await spindle.image({ read_only: true });
  for (let i = 0; i < 3; i++) await doors.http.create({ machine_id: (await spindle.machine()).id, image_id: image.id });

  const first = await doors.http.list(`image_id=${image.id}&limit=2`);
  const second = await doors.http.list(`image_id=${image.id}&limit=2&cursor=${first.body.next_cursor}`);

  const ids = [...first.body.items, ...second.body.items].map(({ id }) => id);
  expect(first.body).toMatchObject({ total: 3, items: [{ status: 'ACTIVE' }, { status: 'ACTIVE' }] });
  expect(second.body.next_cursor).toBeNull();
  expect(ids).toEqual([...ids].sort().reverse());
  expect(new Set(ids).size).toBe(3);
  expect((await doors.http.list(`limit=2&cursor=${first.body.next_cursor}`)).code).toBe('INVALID_CURSOR');
}, 60_000);

import { headers } from 'nats';
import { nodeSubject, type NodeReport } from '#contracts';
import { newId } from '#runtime';
import { TargetsServiceForTests, eventually } from '../../../../test/harness/targets-service-for-tests';

const service = new TargetsServiceForTests();

jest.setTimeout(20_000);
/** Wishes on their way to one node at once. */
const PLACES = 3;
beforeAll(() => service.start({ OPERATIONS_PER_NODE: String(PLACES) }), 60_000);
afterAll(() => service.stop());

describe('nodes', () => {
  it('are announced when they report, when they fall silent, and when they stop', async () => {
    const say = (more: Partial<NodeReport> = {}) =>
      service.bus.request(nodeSubject('node-1', 'report'), JSON.stringify(service.report('node-1', more)));

    await say();
    await eventually(
      () => service.published('node.%'),
      (events) => events.some(({ type, subject }) => subject === 'node-1' && type.includes('offline')),
    );
    await say();
    await say({ status: 'stopping' });

    const events = await eventually(
      async () => (await service.published('node.%')).filter(({ subject }) => subject === 'node-1'),
      (seen) => seen.length >= 4,
    );
    expect(events.map(({ type, sequence }) => [type.split('.')[3], sequence])).toEqual([
      ['online', 1],
      ['offline', 2],
      ['online', 3],
      ['offline', 4],
    ]);
  });

  it('cannot report in the name of another', async () => {
    const answer = await service.bus.request(nodeSubject('node-2', 'report'), JSON.stringify(service.report('node-3')));

    expect(answer.headers?.get('Nats-Service-Error')).toBe('INVALID_VALUE');
    expect((await service.ask('nodes.list', {})).items.map(({ id }) => id)).not.toContain('node-3');
  });

  it('that do not answer leave a target PENDING, with the reason, and it can be deleted all the same', async () => {
    await service.bus.request(nodeSubject('node-away', 'report'), JSON.stringify(service.report('node-away')));
    const { id: machine_id } = await service.machine();
    const created = await service.ask('targets.create', { machine_id, image_id: await service.image('node-away') });

    const waiting = await eventually(
      () => service.ask('targets.get', { id: created.id }),
      ({ last_error }) => last_error !== null,
    );
    const deleted = await service.ask('targets.delete', { id: created.id });

    expect(waiting).toMatchObject({ status: 'PENDING', operation: 'create', last_error: { code: 'NODE_OFFLINE' } });
    expect(deleted).toMatchObject({ status: 'PENDING', operation: 'delete', generation: 2 });
  });

  it('get a wish again whose answer may have gone down with their connection', async () => {
    const say = (connection: number) =>
      service.bus.request(nodeSubject('node-cut', 'report'), JSON.stringify(service.report('node-cut', { connection })));
    const wishes: string[] = [];
    const silent = service.bus.subscribe(nodeSubject('node-cut', 'apply'), {
      callback: (_, message) => void wishes.push(message.json<{ target_id: string }>().target_id),
    });
    await say(1);
    const { id: machine_id } = await service.machine();
    const { id } = await service.ask('targets.create', { machine_id, image_id: await service.image('node-cut') });

    await say(1);
    const before = [...wishes];
    await say(2);
    await eventually(
      async () => wishes,
      ({ length }) => length > 1,
    );
    silent.unsubscribe();

    expect(before).toEqual([id]);
    expect(wishes).toEqual([id, id]);
  });

  it('get a wish again soon after a try that they refused, though the one before it still waits for an answer', async () => {
    const say = (connection: number) =>
      service.bus.request(nodeSubject('node-back', 'report'), JSON.stringify(service.report('node-back', { connection })));
    let tries = 0;
    const node = service.bus.subscribe(nodeSubject('node-back', 'apply'), {
      callback: (_, message) => {
        // the first one dies with its executor, the next come before the node is the new one's: until a claim is sure to be renewed in between
        if (++tries === 1 || tries > 4) return;
        const sent = headers();
        sent.set('Nats-Service-Error-Code', '503');
        message.respond(JSON.stringify({ code: 'NODE_BUSY', title: 'busy', status: 503 }), { headers: sent });
      },
    });
    await say(1);
    const { id: machine_id } = await service.machine();
    await service.ask('targets.create', { machine_id, image_id: await service.image('node-back') });
    await eventually(
      () => Promise.resolve(tries),
      (count) => count === 1,
    );

    await say(2);
    await eventually(
      () => Promise.resolve(tries),
      (count) => count === 5,
    );
    node.unsubscribe();
  });

  it('get wishes in the order in which they were accepted, also when there is no place for some', async () => {
    await service.bus.request(nodeSubject('node-full', 'report'), JSON.stringify(service.report('node-full')));
    const wishes: { target_id: string; answer: () => void }[] = [];
    const node = service.bus.subscribe(nodeSubject('node-full', 'apply'), {
      callback: (_, message) => {
        const { target_id, generation } = message.json<{ target_id: string; generation: number }>();
        const done = { target_id, generation, outcome: 'done', disconnected: 0, error: null };
        wishes.push({ target_id, answer: () => message.respond(JSON.stringify(done)) });
      },
    });
    const create = async () =>
      service.ask('targets.create', { machine_id: (await service.machine()).id, image_id: await service.image('node-full') });
    const arrived = (count: number) =>
      eventually(
        () => Promise.resolve(wishes),
        ({ length }) => length >= count,
      );
    await Promise.all(Array.from({ length: PLACES }, create));
    await arrived(PLACES);

    const inLine = await create();
    wishes[0]!.answer();
    const late = await create();
    await arrived(PLACES + 1);
    wishes[1]!.answer();
    await arrived(PLACES + 2);
    for (const { answer } of wishes) answer();
    const ended = await eventually(
      () => Promise.all([inLine, late].map(({ id }) => service.ask('targets.get', { id }))),
      (targets) => targets.every(({ status }) => status === 'ACTIVE'),
    );
    node.unsubscribe();

    expect(wishes.slice(PLACES).map(({ target_id }) => target_id)).toEqual([inLine.id, late.id]);
    expect(ended).toHaveLength(2);
  });

  it('tell of logins, whose events share the order of their target', async () => {
    await service.bus.request(nodeSubject('node-log', 'report'), JSON.stringify(service.report('node-log')));
    const { id: machine_id } = await service.machine();
    const { id } = await service.ask('targets.create', { machine_id, image_id: await service.image('node-log') });
    const login = { target_id: id, initiator_iqn: 'iqn.2025-01.io.spindle:m-1', address: '192.0.2.9' };

    await service.bus.request(nodeSubject('node-log', 'report'), JSON.stringify(service.report('node-log', { sessions: [login] })));
    await service.bus.request(nodeSubject('node-log', 'report'), JSON.stringify(service.report('node-log')));

    const events = await eventually(
      async () => (await service.published('%')).filter(({ subject }) => subject === id),
      (seen) => seen.length >= 3,
    );
    expect(events.map(({ type, sequence }) => [type, sequence])).toEqual([
      ['io.spindle.target.requested.v1', 1],
      ['io.spindle.initiator.connected.v1', 2],
      ['io.spindle.initiator.disconnected.v1', 3],
    ]);
  });
});

describe('the one writer of a node', () => {
  const sendReport = async (nodeId: string, more: Partial<NodeReport>) =>
    (await service.bus.request(nodeSubject(nodeId, 'report'), JSON.stringify(service.report(nodeId, more)))).json<{
      accepted: boolean;
      lease_ms: number;
    }>();

  it('is one process of an executor, until it falls silent or its successor on the same folder takes over', async () => {
    const [first, second, third] = [newId(), newId(), newId()];

    const granted = await sendReport('node-lease', { instance: first });
    const refused = await sendReport('node-lease', { instance: second });
    const successor = await sendReport('node-lease', { instance: second, previous_instances: [first] });
    const late = await sendReport('node-lease', { instance: first });
    await new Promise((done) => setTimeout(done, 1_600));
    const afterSilence = await sendReport('node-lease', { instance: third });

    expect(granted).toMatchObject({ accepted: true, lease_ms: 1_500 });
    expect([refused, successor, late, afterSilence].map(({ accepted }) => accepted)).toEqual([false, true, false, true]);
  });

  it('is told its whole wish, page by page, with what is being deleted', async () => {
    await sendReport('node-wish', {});
    const made: string[] = [];
    for (let i = 0; i < 3; i++) {
      const { id } = await service.ask('targets.create', {
        machine_id: (await service.machine()).id,
        image_id: await service.image('node-wish'),
      });
      made.push(id);
    }
    await service.ask('targets.delete', { id: made[1]! });
    const page = async (after: string | null) =>
      (await service.bus.request(nodeSubject('node-wish', 'wishes'), JSON.stringify({ after, limit: 2 }), { timeout: 5_000 })).json<{
        wishes: { target_id: string; state: string; generation: number; confirmed: boolean }[];
        next: string | null;
      }>();

    const first = await page(null);
    const second = await page(first.next);

    const wishes = [...first.wishes, ...second.wishes];
    expect(second.next).toBeNull();
    expect(wishes.map(({ target_id, state, generation }) => [target_id, state, generation])).toEqual([
      [made[0], 'present', 1],
      [made[1], 'absent', 2],
      [made[2], 'present', 1],
    ]);
    expect(wishes.every(({ confirmed }) => !confirmed)).toBe(true);
  });

  it('says what has drifted: an event for each change of it, and a repair where the policy says so', async () => {
    await sendReport('node-drift', {});
    const { id } = await service.ask('targets.create', {
      machine_id: (await service.machine()).id,
      image_id: await service.image('node-drift'),
    });
    await service.sql.query(`UPDATE targets.targets SET status = 'ACTIVE', operation = NULL, next_attempt_at = NULL WHERE id = $1`, [id]);
    const drift = [{ kind: 'missing' as const, what: 'acl', expected: 'x', found: null }];
    const drifted = [{ target_id: id, generation: 1, drift }];

    await sendReport('node-drift', { drifted, drift_policy: 'report' });
    await sendReport('node-drift', { drifted, drift_policy: 'report' });
    await sendReport('node-drift', { drifted: [{ target_id: id, generation: 7, drift }], drift_policy: 'repair', drift_known: false });
    const stored = await service.sql.query<{ drift: unknown }>('SELECT drift FROM targets.targets WHERE id = $1', [id]);
    await sendReport('node-drift', { drifted: [], drift_policy: 'report' });
    await sendReport('node-drift', { drifted, drift_policy: 'repair' });

    const events = await eventually(
      async () => (await service.published('target.%')).filter(({ subject }) => subject === id),
      (seen) => seen.length >= 4,
    );
    expect(stored.rows).toEqual([{ drift }]);
    expect(events.map(({ type, sequence }) => [type, sequence])).toEqual([
      ['io.spindle.target.requested.v1', 1],
      ['io.spindle.target.drifted.v1', 2],
      ['io.spindle.target.repaired.v1', 3],
      ['io.spindle.target.drifted.v1', 4],
    ]);
    expect(await service.ask('targets.get', { id })).toMatchObject({ status: 'PENDING', operation: 'repair' });
  });

  it('gets no new targets while it is cordoned', async () => {
    await sendReport('node-cordon', {});
    const body = { machine_id: (await service.machine()).id, image_id: await service.image('node-cordon') };

    await service.ask('nodes.update', { id: 'node-cordon', cordoned: true });
    const refused = await service.ask('targets.create', body);
    await service.ask('nodes.update', { id: 'node-cordon', cordoned: false });

    expect(refused.code).toBe('NODE_CORDONED');
    expect((await service.ask('targets.create', body)).id).toBeDefined();
    expect((await service.ask('nodes.update', { id: 'no-node', cordoned: true })).code).toBe('NODE_NOT_FOUND');
  });
});

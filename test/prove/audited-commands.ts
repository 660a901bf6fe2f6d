import { REQUESTS, nodeSubject, type Action, type TargetWish } from '#contracts';
import { newId } from '#runtime';
import { newMachine, type Reply, type TargetsServiceForTests } from '../harness/targets-service-for-tests';

const NODE = 'node-proves';
/** Whose plan nobody has accepted yet. */
const HELD_NODE = 'node-held';
const PASSWORD = 'a-password-of-the-proof';

/** One thing that is asked while the trail cannot be written. */
export interface Attempt {
  name: string;
  subject: Action;
  body: Record<string, unknown>;
  token?: string | null;
  /** The answer once nothing is in the way. */
  expected: 'done' | 'FORBIDDEN' | 'LOGIN_FAILED' | 'UNAUTHENTICATED' | 'UNKNOWN_FIELD';
}

/** Answers as a node does whose every wish succeeds, and counts what would have reached its kernel. */
export const answerAsNode = async (service: TargetsServiceForTests, shown: Map<string, unknown>) => {
  const seen = { wishes: 0 };
  service.bus.subscribe(nodeSubject(NODE, 'apply'), {
    callback: (_, message) => {
      const { target_id, generation } = message.json<TargetWish>();
      seen.wishes++;
      message.respond(JSON.stringify({ target_id, generation, outcome: 'done', disconnected: 0, error: null }));
    },
  });
  service.bus.subscribe(nodeSubject(NODE, 'inspect-image'), {
    callback: (_, message) => void message.respond(JSON.stringify({ result: 'ok', size_bytes: 4096 })),
  });
  service.bus.subscribe(nodeSubject(NODE, 'inspect-target'), {
    callback: (_, message) => void message.respond(JSON.stringify(shown.get(message.json<{ iqn: string }>().iqn))),
  });
  service.bus.subscribe(nodeSubject(HELD_NODE, 'list-targets'), {
    callback: (_, message) => void message.respond(JSON.stringify({ targets: [], next: null })),
  });
  const report = (id: string) => service.bus.request(nodeSubject(id, 'report'), JSON.stringify(service.report(id)));
  await Promise.all([report(NODE), report(HELD_NODE)]);
  await service.sql.query('UPDATE targets.storage_nodes SET held_at = now() WHERE id = $1', [HELD_NODE]);
  await report(HELD_NODE);
  return seen;
};

const must = async (asked: Promise<Reply>): Promise<Reply> => {
  const reply = await asked;
  if (reply.code) throw new Error(`the proof could not be prepared: ${JSON.stringify(reply)}`);
  return reply;
};

/**
 * A valid call of every command of the contract, each on things of its own, and refusals of every sort.
 * @throws Error for a command that has no call here: one that is added must be tried too
 */
export const prepareAttempts = async (service: TargetsServiceForTests, shown: Map<string, unknown>): Promise<Attempt[]> => {
  const machine = async () => (await must(service.machine())).id;
  const image = () => service.image(NODE);
  const target = async () => (await must(service.ask('targets.create', { machine_id: await machine(), image_id: await image() }))).id;
  const session = async () => (await must(service.ask('sessions.create', { machine_id: await machine() }))).id;
  const user = async (role = 'operator') =>
    must(service.ask('users.create', { username: `u-${newId()}`, password: PASSWORD, role })) as Promise<Reply & { username: string }>;
  const orphan = async () => {
    const { initiator_iqn } = (await must(service.machine())) as Reply & { initiator_iqn: string };
    const [iqn, disk] = [`iqn.2025-01.io.spindle:${newId()}`, await image()];
    const lun = { lun: 0, backstore: `spindle-${disk}`, file: `i-${disk}`, size_bytes: 4096, serial: disk, made_as_ours: true };
    const acls = [{ initiator_iqn, luns: [{ lun: 0, tpg_lun: 0, read_only: false }] }];
    shown.set(iqn, { generation: 0, target: { asks_for_secrets: false, other_tpgs: [], portal_is_ours: true, luns: [lun], acls } });
    return iqn;
  };

  const bodies: Record<string, () => Promise<Record<string, unknown>>> = {
    'auth.login': async () => ({ username: (await user()).username, password: PASSWORD }),
    'targets.create': async () => ({ machine_id: await machine(), image_id: await image() }),
    'targets.delete': async () => ({ id: await target() }),
    'targets.restart': async () => ({ id: await target() }),
    'targets.rotate-chap': async () => ({ id: await target() }),
    'machines.create': () => Promise.resolve(newMachine()),
    'machines.update': async () => ({ id: await machine(), name: `m-${newId()}` }),
    'machines.delete': async () => ({ id: await machine() }),
    'images.create': () => Promise.resolve({ name: `i-${newId()}`, file: `${newId()}.img` }),
    'images.update': async () => ({ id: await image(), name: `i-${newId()}` }),
    'images.delete': async () => ({ id: await image() }),
    'sessions.create': async () => ({ machine_id: await machine() }),
    'sessions.update': async () => ({ id: await session(), ended_at: new Date(Date.now() + 60_000).toISOString() }),
    'sessions.delete': async () => ({ id: await session() }),
    'users.create': () => Promise.resolve({ username: `u-${newId()}`, password: PASSWORD, role: 'viewer' }),
    'users.update': async () => ({ id: (await user()).id, role: 'viewer' }),
    'users.delete': async () => ({ id: (await user()).id }),
    'tokens.create': () => Promise.resolve({ name: `t-${newId()}` }),
    'tokens.revoke': async () => ({ id: (await must(service.ask('tokens.create', { name: `t-${newId()}` }))).id }),
    'nodes.update': () => Promise.resolve({ id: NODE, cordoned: true }),
    'nodes.accept-plan': async () => ({ id: HELD_NODE, plan: (await must(service.ask('nodes.plan', { id: HELD_NODE }))).plan }),
    'nodes.adopt': async () => ({ id: NODE, iqn: await orphan() }),
  };
  const attempts: Attempt[] = [];
  for (const { subject } of REQUESTS.filter(({ kind }) => kind === 'command')) {
    const body = bodies[subject];
    if (!body) throw new Error(`${subject} is a command, and the proof has no call of it`);
    attempts.push({ name: subject, subject, body: await body(), token: subject === 'auth.login' ? null : undefined, expected: 'done' });
  }
  const { username } = await user('viewer');
  const viewer = (await must(service.ask('auth.login', { username, password: PASSWORD }, { token: null }))).access_token;
  return [
    ...attempts,
    { name: 'refusal: role', subject: 'machines.create', body: newMachine(), token: viewer, expected: 'FORBIDDEN' },
    { name: 'refusal: field', subject: 'machines.create', body: { ...newMachine(), x: '\0' }, expected: 'UNKNOWN_FIELD' },
    { name: 'refusal: no token', subject: 'targets.list', body: {}, token: null, expected: 'UNAUTHENTICATED' },
    {
      name: 'refusal: password',
      subject: 'auth.login',
      body: { username, password: 'wrong' },
      token: null,
      expected: 'LOGIN_FAILED',
    },
  ];
};

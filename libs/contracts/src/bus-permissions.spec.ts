import { BUS_STREAMS, planBus } from './bus-permissions';
import { REQUESTS } from './requests';

const plan = planBus({ nodes: ['n1', 'n2'], clients: ['c1', 'c2'] });
const user = (name: string) => plan.accounts.flatMap(({ users }) => users).find((one) => one.name === name)!;
const accountOf = (name: string) => plan.accounts.find(({ users }) => users.some((one) => one.name === name))!.name;

it('no two users share an account, and no user is in that of a stream', () => {
  expect(
    plan.accounts.map(({ users, jetstream }) => [users.length, jetstream]).filter(([users, stream]) => users !== (stream ? 0 : 1)),
  ).toEqual([]);
});

it('nobody but the admin has all of JetStream or a wildcard of nodes, but for what nodes tell targets-service', () => {
  const wide = plan.accounts
    .flatMap(({ users }) => users)
    .filter(({ name }) => name !== 'admin')
    .flatMap(({ publish, subscribe }) => [...publish, ...subscribe])
    .filter(
      (subject) => ['>', '*.>', '$JS.>', '$JS.API.>', '$SYS.>', 'storage-node.>'].includes(subject) || /^storage-node\.\*/.test(subject),
    );

  expect(wide).toEqual(['storage-node.*.report', 'storage-node.*.wishes']);
  expect(user('targets').subscribe).toEqual(expect.arrayContaining(wide));
});

it('every public request can be asked by the gateway and by clients, and is heard by one service', () => {
  for (const { subject } of REQUESTS) {
    expect(user('gateway').publish).toContain(subject);
    expect(user('c1').publish).toContain(subject);
    expect(['targets', 'audit'].filter((name) => user(name).subscribe.includes(subject))).toHaveLength(1);
  }
});

it('what a user may say to another account is exported to its own, by the account that hears it', () => {
  for (const name of ['gateway', 'targets', 'audit', 'node-n1', 'c1']) {
    const reached = plan.crossings
      .filter(({ to, kind }) => to === accountOf(name) && kind === 'service')
      .map(({ subject, as }) => as ?? subject);
    expect(
      user(name)
        .publish.filter((subject) => subject !== '_R_.>')
        .sort(),
    ).toEqual(reached.sort());
  }
});

it('a node names itself alone', () => {
  const said = [...user('node-n1').publish, ...user('node-n1').subscribe].filter((subject) => subject.startsWith('storage-node.'));

  expect(said.length).toBeGreaterThan(0);
  expect(said.filter((subject) => !subject.startsWith('storage-node.n1.'))).toEqual([]);
});

it('each stream is kept by one service', () => {
  for (const { name, keeper } of BUS_STREAMS) {
    const makers = ['targets', 'audit', 'gateway', 'node-n1', 'c1'].filter((one) =>
      user(one).publish.includes(`$JS.API.STREAM.UPDATE.${name}`),
    );
    expect(makers).toEqual([keeper]);
  }
});

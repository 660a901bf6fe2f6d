import { nodeSubject, type NodeVerb } from './storage-node';
import { REQUESTS } from './requests';

/**
 * Who may say and hear what on NATS. Deny by default: what does not stand here, the server refuses.
 *
 * Every identity has an account of its own, and so has every stream. A request that crosses accounts is answered to a subject that
 * the server made up, and the server alone puts the reply subject of the asker back, in the asker's account: a forged one leads nowhere else.
 * Within one account it would be written to with the rights of whoever answers, and JetStream's answers know no rights at all.
 */

export interface BusUser {
  /** Also what stands behind `_INBOX_` in the subjects of its answers. */
  name: string;
  publish: string[];
  subscribe: string[];
}

export interface BusAccount {
  name: string;
  jetstream: boolean;
  users: BusUser[];
}

/** What one account may reach in another: a service is asked and answers, a stream is listened to. */
export interface BusCrossing {
  kind: 'service' | 'stream';
  owner: string;
  to: string;
  subject: string;
  /** Its name in the account that reaches it, when it is another. */
  as?: string;
  /** More than one answer to a request. */
  many?: boolean;
}

export interface BusPlan {
  accounts: BusAccount[];
  crossings: BusCrossing[];
}

export interface BusMembers {
  /** NODE_ID of each storage node. */
  nodes: string[];
  /** Orchestrators and other clients, `[a-z0-9-]+`. What one of them may do is decided by its token, not here. */
  clients: string[];
}

export const ADMIN_USER = 'admin';
export const nodeUser = (nodeId: string): string => `node-${nodeId}`;
/** What an executor of a node is asked to learn whether it is there. */
export const nodePingSubject = (nodeId: string): string => `storage-node.${nodeId}.ping`;

type Service = 'targets' | 'audit';

/** Each in an account of its own: JetStream delivers to any subject of the stream's account, so nothing else may be there. */
export const BUS_STREAMS: { name: string; account: string; subjects: string[]; keeper: Service; writer: Service }[] = [
  {
    name: 'SPINDLE_EVENTS',
    account: 'STREAM_EVENTS',
    subjects: ['target.*', 'node.*', 'initiator.*'],
    keeper: 'targets',
    writer: 'targets',
  },
  { name: 'SPINDLE_AUDIT', account: 'STREAM_AUDIT', subjects: ['audit-intent.>'], keeper: 'targets', writer: 'targets' },
  { name: 'SPINDLE_DEAD_LETTERS', account: 'STREAM_DEAD_LETTERS', subjects: ['dead-letter.>'], keeper: 'audit', writer: 'audit' },
  { name: 'SPINDLE_CHECKPOINTS', account: 'STREAM_CHECKPOINTS', subjects: ['audit-checkpoint.signed'], keeper: 'audit', writer: 'audit' },
];
const [EVENTS, AUDIT] = BUS_STREAMS as [(typeof BUS_STREAMS)[0], (typeof BUS_STREAMS)[0]];

const ASKED_OF_NODES: NodeVerb[] = ['apply', 'status', 'inspect-image', 'inspect-target', 'compare', 'list-targets'];
const ASKED_BY_NODES: NodeVerb[] = ['report', 'wishes'];
const PINGS: Record<Service, string> = { targets: '$SRV.PING.targets-service', audit: '$SRV.PING.audit-service' };
/** `nats micro ls` and the like. */
const DISCOVERY = ['PING', 'INFO', 'STATS'].map((verb) => `$SRV.${verb}`);

/** What whoever answers a public request is asked to learn whether it is there. */
export const pingSubject = (subject: string): string => PINGS[serverOf(subject)];

const ACCOUNT_OF: Record<Service, string> = { targets: 'TARGETS', audit: 'AUDIT' };
const serverOf = (subject: string): Service => (subject.startsWith('audit.') ? 'audit' : 'targets');
const PUBLIC: string[] = REQUESTS.map(({ subject }) => subject);
const servedBy = (service: Service): string[] => PUBLIC.filter((subject) => serverOf(subject) === service);

/** What a service that answers has to say and hear for it: its answers, and the questions of the NATS services API. */
const ANSWERS = ['_R_.>'];
const discoveryOf = (name: string): string[] => DISCOVERY.flatMap((subject) => [subject, `${subject}.${name}`, `${subject}.${name}.*`]);

const keepStream = (name: string): string[] => ['CREATE', 'UPDATE', 'INFO'].map((verb) => `$JS.API.STREAM.${verb}.${name}`);
/** `many`: a pull is one request with many answers. */
const readStream = (name: string): { subject: string; many?: boolean }[] => [
  { subject: `$JS.API.STREAM.INFO.${name}` },
  { subject: `$JS.API.CONSUMER.CREATE.${name}` },
  { subject: `$JS.API.CONSUMER.CREATE.${name}.>` },
  { subject: `$JS.API.CONSUMER.DURABLE.CREATE.${name}.*` },
  { subject: `$JS.API.CONSUMER.INFO.${name}.*` },
  { subject: `$JS.API.CONSUMER.DELETE.${name}.*` },
  { subject: `$JS.API.CONSUMER.MSG.NEXT.${name}.*`, many: true },
  { subject: `$JS.ACK.${name}.>` },
];
/** All of one stream, for people who mend things. */
const mendStream = (name: string): { subject: string; many?: boolean }[] => [
  { subject: `$JS.API.STREAM.*.${name}` },
  { subject: `$JS.API.STREAM.MSG.*.${name}` },
  { subject: `$JS.API.CONSUMER.*.${name}` },
  { subject: `$JS.API.CONSUMER.*.${name}.>` },
  { subject: `$JS.API.CONSUMER.DURABLE.CREATE.${name}.*` },
  { subject: `$JS.API.CONSUMER.MSG.NEXT.${name}.*`, many: true },
  { subject: `$JS.ACK.${name}.>` },
];
const JETSTREAM_INFO = '$JS.API.INFO';

const service = (owner: string, to: string, subjects: string[]): BusCrossing[] =>
  subjects.map((subject) => ({ kind: 'service', owner, to, subject }));
const listening = (owner: string, to: string, subjects: string[]): BusCrossing[] =>
  subjects.map((subject) => ({ kind: 'stream', owner, to, subject }));
const asked = (to: string): BusCrossing[] => PUBLIC.flatMap((subject) => service(ACCOUNT_OF[serverOf(subject)], to, [subject]));
const reading = (stream: (typeof BUS_STREAMS)[0], to: string): BusCrossing[] =>
  readStream(stream.name).map((one) => ({ kind: 'service', owner: stream.account, to, ...one }));

/** What is reached through another account is what its users may say; listening needs a right to hear instead. */
const says = (crossings: BusCrossing[], to: string): string[] =>
  crossings.filter((one) => one.to === to && one.kind === 'service').map(({ subject, as }) => as ?? subject);
const hears = (crossings: BusCrossing[], to: string): string[] =>
  crossings.filter((one) => one.to === to && one.kind === 'stream').map(({ subject, as }) => as ?? subject);

const gatewayCrossings = (): BusCrossing[] => [
  ...asked('GATEWAY'),
  ...service(ACCOUNT_OF.targets, 'GATEWAY', [PINGS.targets]),
  ...service(ACCOUNT_OF.audit, 'GATEWAY', [PINGS.audit]),
  ...service(EVENTS.account, 'GATEWAY', [JETSTREAM_INFO]),
  ...reading(EVENTS, 'GATEWAY'),
];

const auditCrossings = (): BusCrossing[] => [
  ...service(ACCOUNT_OF.targets, 'AUDIT', ['auth.exchange']),
  ...service(AUDIT.account, 'AUDIT', [JETSTREAM_INFO]),
  ...reading(AUDIT, 'AUDIT'),
  ...BUS_STREAMS.filter(({ writer }) => writer === 'audit').flatMap(({ account, name, subjects }) =>
    service(account, 'AUDIT', [...subjects, ...keepStream(name)]),
  ),
];

const targetsCrossings = (nodes: string[]): BusCrossing[] => [
  ...service(EVENTS.account, 'TARGETS', [JETSTREAM_INFO]),
  ...BUS_STREAMS.filter(({ writer }) => writer === 'targets').flatMap(({ account, name, subjects }) =>
    service(account, 'TARGETS', [...subjects, ...keepStream(name)]),
  ),
  ...nodes.flatMap((id) => [...service(nodeAccount(id), 'TARGETS', askedOfNode(id)), pinging(id, 'TARGETS')]),
];

/** People who mend things ask what services ask, write to every stream, and listen to wishes, events and intents. */
const adminCrossings = (nodes: string[]): BusCrossing[] => [
  ...asked('ADMIN'),
  ...service(EVENTS.account, 'ADMIN', [JETSTREAM_INFO]),
  ...BUS_STREAMS.flatMap(({ account, name, subjects }) => [
    ...service(account, 'ADMIN', subjects),
    ...mendStream(name).map((one) => ({ kind: 'service' as const, owner: account, to: 'ADMIN', ...one })),
  ]),
  ...nodes.flatMap((id) => [
    ...service(nodeAccount(id), 'ADMIN', askedOfNode(id)),
    ...service(ACCOUNT_OF.targets, 'ADMIN', askedByNode(id)),
    pinging(id, 'ADMIN'),
    ...listening(ACCOUNT_OF.targets, 'ADMIN', askedOfNode(id)),
  ]),
  ...BUS_STREAMS.flatMap(({ writer, subjects }) => listening(ACCOUNT_OF[writer], 'ADMIN', subjects)),
];

const clientCrossings = (account: string): BusCrossing[] => [
  ...asked(account),
  ...DISCOVERY.map((subject) => ({ kind: 'service' as const, owner: ACCOUNT_OF.targets, to: account, subject, many: true })),
  ...DISCOVERY.flatMap((subject) => [
    ...service(ACCOUNT_OF.targets, account, [`${subject}.targets-service`]),
    ...service(ACCOUNT_OF.audit, account, [`${subject}.audit-service`]),
  ]),
  ...service(EVENTS.account, account, [JETSTREAM_INFO]),
  ...reading(EVENTS, account),
  ...listening(ACCOUNT_OF.targets, account, EVENTS.subjects),
  ...listening(ACCOUNT_OF.audit, account, ['audit-checkpoint.signed']),
];

const pinging = (nodeId: string, to: string): BusCrossing => ({
  kind: 'service',
  owner: nodeAccount(nodeId),
  to,
  subject: '$SRV.PING.storage-node-executor',
  as: nodePingSubject(nodeId),
});

const nodeAccount = (id: string): string => `NODE_${id}`;
const clientAccount = (name: string): string => `CLIENT_${name}`;
const askedOfNode = (id: string): string[] => ASKED_OF_NODES.map((verb) => nodeSubject(id, verb));
const askedByNode = (id: string): string[] => ASKED_BY_NODES.map((verb) => nodeSubject(id, verb));

export const planBus = ({ nodes, clients }: BusMembers): BusPlan => {
  const crossings = [
    ...gatewayCrossings(),
    ...auditCrossings(),
    ...targetsCrossings(nodes),
    ...adminCrossings(nodes),
    ...nodes.flatMap((id) => service(ACCOUNT_OF.targets, nodeAccount(id), askedByNode(id))),
    ...clients.flatMap((name) => clientCrossings(clientAccount(name))),
  ];
  const only = (name: string, jetstream: boolean, users: BusUser[]): BusAccount => ({ name, jetstream, users });
  return {
    crossings,
    accounts: [
      ...BUS_STREAMS.map(({ account }) => only(account, true, [])),
      only('ADMIN', false, [{ name: ADMIN_USER, publish: ['>'], subscribe: ['>'] }]),
      only('TARGETS', false, [targetsUser(says(crossings, 'TARGETS'))]),
      only('AUDIT', false, [
        {
          name: 'audit',
          publish: [...says(crossings, 'AUDIT'), ...ANSWERS],
          subscribe: [...servedBy('audit'), ...discoveryOf('audit-service'), '_INBOX_audit.>'],
        },
      ]),
      only('GATEWAY', false, [{ name: 'gateway', publish: says(crossings, 'GATEWAY'), subscribe: ['_INBOX_gateway.>'] }]),
      ...nodes.map((id) =>
        only(nodeAccount(id), false, [
          {
            name: nodeUser(id),
            publish: [...says(crossings, nodeAccount(id)), ...ANSWERS],
            subscribe: [...askedOfNode(id), ...discoveryOf('storage-node-executor'), `_INBOX_${nodeUser(id)}.>`],
          },
        ]),
      ),
      ...clients.map((name) =>
        only(clientAccount(name), false, [
          {
            name,
            publish: says(crossings, clientAccount(name)),
            subscribe: [...hears(crossings, clientAccount(name)), '_INBOX.>'],
          },
        ]),
      ),
    ],
  };
};

const targetsUser = (publish: string[]): BusUser => ({
  name: 'targets',
  publish: [...publish, ...ANSWERS],
  subscribe: [
    ...servedBy('targets'),
    // Of any node: what reaches this account is what each node's own may send here.
    ...askedByNode('*'),
    ...discoveryOf('targets-service'),
    '_INBOX_targets.>',
  ],
});

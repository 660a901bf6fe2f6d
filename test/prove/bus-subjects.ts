import { EVENT_NAMES, REQUESTS } from '#contracts';
import { CLIENTS, NODES } from './bus-server';

export const STREAM_NAMES = ['SPINDLE_EVENTS', 'SPINDLE_AUDIT', 'SPINDLE_DEAD_LETTERS', 'SPINDLE_CHECKPOINTS'];

const VERBS = ['apply', 'status', 'inspect-image', 'inspect-target', 'compare', 'list-targets', 'report', 'wishes', 'ping', 'no-such-verb'];
const STREAM_VERBS = ['CREATE', 'UPDATE', 'INFO', 'DELETE', 'PURGE', 'SNAPSHOT', 'RESTORE', 'MSG.GET', 'MSG.DELETE', 'LEADER.STEPDOWN'];

const ofStream = (name: string): string[] => [
  ...STREAM_VERBS.map((verb) => `$JS.API.STREAM.${verb}.${name}`),
  `$JS.API.DIRECT.GET.${name}`,
  `$JS.API.CONSUMER.NAMES.${name}`,
  `$JS.API.CONSUMER.LIST.${name}`,
  `$JS.API.CONSUMER.CREATE.${name}`,
  `$JS.API.CONSUMER.CREATE.${name}.some`,
  `$JS.API.CONSUMER.CREATE.${name}.some.filter.here`,
  `$JS.API.CONSUMER.DURABLE.CREATE.${name}.some`,
  `$JS.API.CONSUMER.INFO.${name}.some`,
  `$JS.API.CONSUMER.DELETE.${name}.some`,
  `$JS.API.CONSUMER.MSG.NEXT.${name}.some`,
  `$JS.ACK.${name}.some.1.1.1.1.0`,
];

/** All that is said on the bus, and what nobody should say. */
export const SUBJECTS: string[] = [
  ...REQUESTS.map(({ subject }) => subject),
  ...['auth.exchange', 'auth.other', 'targets.no-such-request', 'audit.no-such-request'],
  ...EVENT_NAMES,
  ...[
    'audit-intent.targets.create',
    'audit-intent.x',
    'dead-letter.audit.audit-intent.x',
    'audit-checkpoint.signed',
    'audit-checkpoint.other',
  ],
  ...[...NODES, 'n3'].flatMap((id) => VERBS.map((verb) => `storage-node.${id}.${verb}`)),
  ...STREAM_NAMES.flatMap(ofStream),
  ...['$JS.API.INFO', '$JS.API.STREAM.NAMES', '$JS.API.STREAM.LIST', '$JS.API.STREAM.CREATE.OTHER', '$JS.API.ACCOUNT.PURGE.TARGETS'],
  ...['$SYS.REQ.SERVER.PING', '$SYS.REQ.ACCOUNT.TARGETS.CONNZ', '$SYS.ACCOUNT.TARGETS.CONNECT'],
  ...['PING', 'INFO', 'STATS'].flatMap((verb) =>
    ['', '.targets-service', '.audit-service', '.storage-node-executor', '.targets-service.some'].map((name) => `$SRV.${verb}${name}`),
  ),
  ...['targets', 'audit', 'gateway', 'admin', ...NODES.map((id) => `node-${id}`), ...CLIENTS].map((name) => `_INBOX_${name}.x`),
  ...['_INBOX.x.y', '_R_.x.y', 'something.else'],
];

/** Only to listen to: nobody can say a wildcard. */
export const WILDCARDS = [
  '>',
  '*',
  '*.*',
  'target.*',
  'storage-node.>',
  'storage-node.*.apply',
  'audit-intent.>',
  '$JS.>',
  '$SYS.>',
  '_INBOX.>',
  '_R_.>',
];

/** Where a forged answer would do harm. */
export const FORGED_REPLIES = [
  'audit-intent.forged',
  'target.forged',
  'dead-letter.forged.x',
  'audit-checkpoint.signed',
  'storage-node.n1.apply',
  'storage-node.n2.apply',
  'storage-node.n1.report',
  'targets.delete',
  'users.create',
  '$JS.API.STREAM.PURGE.SPINDLE_AUDIT',
  '$JS.API.STREAM.PURGE.SPINDLE_EVENTS',
  '_INBOX_targets.forged',
  '_INBOX_audit.forged',
  '_INBOX_gateway.forged',
  '_INBOX_node-n1.forged',
  '_INBOX_admin.forged',
  '_INBOX.forged',
];

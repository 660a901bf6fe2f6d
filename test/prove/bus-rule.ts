/**
 * Who may say and hear what on NATS, written a second time and in another way: as patterns by identity, from the description in
 * docs/operating.md. The first is the table that nats.conf is rendered from (libs/contracts/src/bus-permissions.ts); this one shall not import it.
 */

const EVENT = /^(target|node|initiator)\.[^.>]+$/;
/** What answers the public asks for; one line an area. */
const PUBLIC = new RegExp(
  [
    '^auth\\.(login|exchange)$',
    '^targets\\.(create|list|get|get-by-machine|status|delete|restart|rotate-chap)$',
    '^(machines|images|sessions|users)\\.(create|list|get|update|delete)$',
    '^nodes\\.(list|update|adopt|plan|accept-plan)$',
    '^tokens\\.(create|list|revoke)$',
    '^audit\\.(search|checkpoint|inclusion|consistency|export)$',
  ].join('|'),
);
const OF_AUDIT = /^audit\./;
const PING = /^\$SRV\.PING\.(targets|audit)-service$/;
const DISCOVERY = /^\$SRV\.(PING|INFO|STATS)(\.(targets|audit)-service)?$/;

/** Of one stream: look at it, make a consumer, take messages from it, acknowledge them. Never change, purge or delete it. */
const reads = (stream: string): RegExp =>
  new RegExp(
    [
      '^\\$JS\\.API\\.INFO$',
      `^\\$JS\\.API\\.STREAM\\.INFO\\.${stream}$`,
      `^\\$JS\\.API\\.CONSUMER\\.CREATE\\.${stream}(\\..+)?$`,
      `^\\$JS\\.API\\.CONSUMER\\.DURABLE\\.CREATE\\.${stream}\\.[^.]+$`,
      `^\\$JS\\.API\\.CONSUMER\\.(INFO|DELETE|MSG\\.NEXT)\\.${stream}\\.[^.]+$`,
      `^\\$JS\\.ACK\\.${stream}\\..+$`,
    ].join('|'),
  );
const keeps = (stream: string): RegExp => new RegExp(`^\\$JS\\.API\\.STREAM\\.(CREATE|UPDATE|INFO)\\.${stream}$`);

const MAY_SAY: Record<string, RegExp[]> = {
  gateway: [PUBLIC, PING, reads('SPINDLE_EVENTS')],
  targets: [
    EVENT,
    /^audit-intent\../,
    /^storage-node\.(n1|n2)\.(apply|status|inspect-image|inspect-target|compare|list-targets|ping)$/,
    keeps('SPINDLE_EVENTS'),
    keeps('SPINDLE_AUDIT'),
    /^\$JS\.API\.INFO$/,
    /^_R_\./,
  ],
  audit: [
    /^dead-letter\../,
    /^audit-checkpoint\.signed$/,
    /^auth\.exchange$/,
    reads('SPINDLE_AUDIT'),
    keeps('SPINDLE_DEAD_LETTERS'),
    keeps('SPINDLE_CHECKPOINTS'),
    /^_R_\./,
  ],
  'node-n1': [/^storage-node\.n1\.(report|wishes)$/, /^_R_\./],
  'node-n2': [/^storage-node\.n2\.(report|wishes)$/, /^_R_\./],
  c1: [PUBLIC, DISCOVERY, reads('SPINDLE_EVENTS')],
  c2: [PUBLIC, DISCOVERY, reads('SPINDLE_EVENTS')],
};

const services = (name: string): RegExp => new RegExp(`^\\$SRV\\.(PING|INFO|STATS)(\\.${name}(\\.[^.]+)?)?$`);
const MAY_HEAR: Record<string, (subject: string) => boolean> = {
  gateway: (subject) => /^_INBOX_gateway\../.test(subject),
  targets: (subject) =>
    (PUBLIC.test(subject) && !OF_AUDIT.test(subject)) ||
    /^storage-node\.[^.]+\.(report|wishes)$/.test(subject) ||
    services('targets-service').test(subject) ||
    /^_INBOX_targets\../.test(subject),
  audit: (subject) =>
    (PUBLIC.test(subject) && OF_AUDIT.test(subject)) || services('audit-service').test(subject) || /^_INBOX_audit\../.test(subject),
  'node-n1': hearsNode('n1'),
  'node-n2': hearsNode('n2'),
  c1: hearsClient,
  c2: hearsClient,
};

function hearsNode(id: string) {
  return (subject: string): boolean =>
    new RegExp(`^storage-node\\.${id}\\.(apply|status|inspect-image|inspect-target|compare|list-targets)$`).test(subject) ||
    services('storage-node-executor').test(subject) ||
    subject.startsWith(`_INBOX_node-${id}.`);
}

function hearsClient(subject: string): boolean {
  return EVENT.test(subject) || subject === 'target.*' || subject === 'audit-checkpoint.signed' || /^_INBOX\../.test(subject);
}

/** @returns undefined for an identity that the rule does not know: the cell is undecided */
export const mayOnBus = (identity: string, operation: 'say' | 'hear', subject: string): boolean | undefined => {
  if (identity === 'admin') return true;
  if (operation === 'say') return MAY_SAY[identity]?.some((pattern) => pattern.test(subject));
  return MAY_HEAR[identity]?.(subject);
};

import { DeliverPolicy, headers, type NatsConnection } from 'nats';
import { mayOnBus } from './bus-rule';
import type { BusOfProof, Identity } from './bus-server';
import { FORGED_REPLIES, STREAM_NAMES } from './bus-subjects';

/** One try to have somebody else write to a subject, and where that arrived. */
export interface Forgery {
  who: string;
  through: string;
  reply: string;
  reached: string[];
}

/** Those who answer, as the services do: to whatever subject the server gives them. */
export const answerEverything = (bus: BusOfProof): void => {
  const serve = (name: string, subjects: string[]) =>
    subjects.forEach((subject) => bus.of(name).nats.subscribe(subject, { callback: (_, message) => void message.respond('an answer') }));
  serve('targets', ['targets.delete', 'auth.login', 'auth.exchange', 'storage-node.n1.report', 'storage-node.n2.report', '$SRV.PING']);
  serve('targets', ['$SRV.PING.targets-service']);
  serve('audit', ['audit.search', '$SRV.PING.audit-service']);
  for (const id of ['n1', 'n2']) serve(`node-${id}`, [`storage-node.${id}.apply`, `storage-node.${id}.status`]);
};

const THROUGH: Record<string, string[]> = {
  gateway: ['targets.delete', 'audit.search', '$SRV.PING.targets-service', '$JS.API.STREAM.INFO.SPINDLE_EVENTS', '$JS.API.INFO'],
  c1: ['targets.delete', 'audit.search', 'auth.login', '$SRV.PING', '$JS.API.STREAM.INFO.SPINDLE_EVENTS', '$JS.API.INFO'],
  audit: ['auth.exchange', 'dead-letter.audit.x', '$JS.API.STREAM.INFO.SPINDLE_AUDIT', '$JS.API.STREAM.INFO.SPINDLE_DEAD_LETTERS'],
  'node-n1': ['storage-node.n1.report'],
  targets: ['storage-node.n1.apply', 'target.created', 'audit-intent.x', '$JS.API.STREAM.INFO.SPINDLE_EVENTS', '$JS.API.INFO'],
};
/** Who reads a stream, and may so make consumers of it. */
const READERS = { gateway: 'SPINDLE_EVENTS', c1: 'SPINDLE_EVENTS', audit: 'SPINDLE_AUDIT' };

/**
 * Requests, pulls and consumers with a reply subject that is somebody else's. What arrives in the sender's own account is the sender's
 * affair; so is what it may say itself.
 */
export const tryForgeries = async (bus: BusOfProof): Promise<Forgery[]> => {
  const tries: Forgery[] = [];
  for (const [name, subjects] of Object.entries(THROUGH))
    for (const through of subjects)
      for (const reply of FORGED_REPLIES)
        tries.push(await attempt(bus, bus.of(name), through, reply, (nats) => nats.publish(through, '', { reply, headers: headers() })));
  for (const [name, stream] of Object.entries(READERS)) {
    const consumer = `of-${name}`;
    const manager = await bus.of(name).nats.jetstreamManager({ checkAPI: false });
    await manager.consumers.add(stream, { durable_name: consumer, deliver_policy: DeliverPolicy.All, ack_policy: 'explicit' as never });
    const pull = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`;
    for (const reply of FORGED_REPLIES)
      tries.push(await attempt(bus, bus.of(name), pull, reply, (nats) => nats.publish(pull, '1', { reply })));
    for (const [index, reply] of FORGED_REPLIES.entries()) {
      const push = { durable_name: `push-${name}-${index}`, deliver_subject: reply, ack_policy: 'none' as never };
      const through = `a consumer of ${stream}`;
      tries.push(
        await attempt(bus, bus.of(name), through, reply, () =>
          manager.consumers.add(stream, push).then(
            () => undefined,
            () => undefined,
          ),
        ),
      );
    }
  }
  return tries;
};

const attempt = async (
  bus: BusOfProof,
  who: Identity,
  through: string,
  reply: string,
  send: (nats: NatsConnection) => unknown,
): Promise<Forgery> => {
  await bus.settle();
  const before = await messagesIn(bus);
  bus.heard.length = 0;
  await send(who.nats);
  await bus.settle();
  const elsewhere = bus.heard.filter(({ account, subject }) => subject === reply && account !== who.account).map(({ account }) => account);
  const after = await messagesIn(bus);
  const changed = STREAM_NAMES.filter((stream) => after[stream] !== before[stream] && !writesItself(through, stream));
  const mayItself = mayOnBus(who.name, 'say', reply) === true;
  return { who: who.name, through, reply, reached: mayItself ? [] : [...elsewhere, ...changed] };
};

/** A message that is sent to a stream is stored there, whatever its reply subject is. */
const writesItself = (through: string, stream: string): boolean =>
  ({ SPINDLE_EVENTS: /^target\./, SPINDLE_AUDIT: /^audit-intent\./, SPINDLE_DEAD_LETTERS: /^dead-letter\./ })[stream]?.test(through) ??
  false;

/** First and last place and count: a purge or deletion shows as well as a new message. */
const messagesIn = async (bus: BusOfProof): Promise<Record<string, string>> => {
  const manager = await bus.of('admin').nats.jetstreamManager({ checkAPI: false });
  const states = STREAM_NAMES.map(async (name) => {
    const { messages, first_seq, last_seq } = (await manager.streams.info(name)).state;
    return [name, `${messages} ${first_seq} ${last_seq}`] as const;
  });
  return Object.fromEntries(await Promise.all(states));
};

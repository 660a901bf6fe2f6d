import { answerEverything, tryForgeries, type Forgery } from './bus-forgeries';
import { mayOnBus } from './bus-rule';
import { startBusOfProof, type BusOfProof, type Identity } from './bus-server';
import { STREAM_NAMES, SUBJECTS, WILDCARDS } from './bus-subjects';
import type { Finding, Profile } from './proof';

interface Cell {
  who: string;
  operation: 'say' | 'hear';
  subject: string;
  allowed: boolean;
  expected: boolean | undefined;
}

/**
 * Each credential of the bus says and hears each subject, on a real server with the rights that the product gives it; what the server
 * lets through is compared with a rule that was written apart from them. Then answers are forged.
 */
export const runBusMatrix = async (_profile: Profile, say: (line: string) => void): Promise<Finding> => {
  const bus = await startBusOfProof();
  try {
    await fillStreams(bus);
    answerEverything(bus);
    const forgeries = await tryForgeries(bus);
    say(`${forgeries.length} forged reply subjects tried`);
    const cells: Cell[] = [];
    // The admin comes last: what it says is done.
    for (const identity of [...bus.identities].sort((a, b) => Number(a.name === 'admin') - Number(b.name === 'admin')))
      cells.push(...(await cellsOf(identity)));
    say(`${cells.length} cells looked at`);
    return findingOf(bus, cells, forgeries);
  } finally {
    await bus.stop();
  }
};

/** By those who keep them, so it is seen that they can; one message each. */
const fillStreams = async (bus: BusOfProof): Promise<void> => {
  const make = async (keeper: string, name: string, subjects: string[], subject: string) => {
    const { nats } = bus.of(keeper);
    await (await nats.jetstreamManager({ checkAPI: false })).streams.add({ name, subjects });
    await nats.jetstream().publish(subject, '{}');
  };
  const [events, audit, letters, checkpoints] = STREAM_NAMES as [string, string, string, string];
  await make('targets', events, ['target.*', 'node.*', 'initiator.*'], 'target.created');
  await make('targets', audit, ['audit-intent.>'], 'audit-intent.targets.create');
  await make('audit', letters, ['dead-letter.>'], 'dead-letter.audit.x');
  await make('audit', checkpoints, ['audit-checkpoint.signed'], 'audit-checkpoint.signed');
};

/** The server says what it refuses, in order and before it answers the next ping. */
const cellsOf = async ({ name, nats, refused }: Identity): Promise<Cell[]> => {
  for (const subject of SUBJECTS) nats.publish(subject, '');
  await nats.flush();
  for (const subject of [...SUBJECTS, ...WILDCARDS]) nats.subscribe(subject, { callback: () => undefined });
  await nats.flush();
  await new Promise((done) => setTimeout(done, 50));
  const cell = (operation: 'say' | 'hear', subject: string): Cell => ({
    who: name,
    operation,
    subject,
    allowed: !refused.has(`${operation} ${subject}`),
    expected: mayOnBus(name, operation, subject),
  });
  return [...SUBJECTS.map((subject) => cell('say', subject)), ...[...SUBJECTS, ...WILDCARDS].map((subject) => cell('hear', subject))];
};

const rightsOf = (cells: Cell[], name: string, subject: string): string =>
  cells
    .filter(({ who, subject: of, allowed }) => who === name && of === subject && allowed)
    .map(({ operation }) => operation)
    .join(', ') || '-';

const findingOf = ({ server, identities }: BusOfProof, cells: Cell[], forgeries: Forgery[]): Finding => {
  const undecided = cells.filter(({ expected }) => expected === undefined);
  const unexpected = cells.filter(({ expected, allowed }) => expected !== undefined && expected !== allowed);
  const effective = forgeries.filter(({ reached }) => reached.length > 0);
  const rows = identities.map(({ name }) => {
    const of = (operation: string) => cells.filter((cell) => cell.who === name && cell.operation === operation);
    const share = (some: Cell[]) => `${some.filter(({ allowed }) => allowed).length} of ${some.length}`;
    const forged = forgeries.filter(({ who }) => who === name);
    return `| ${name} | ${share(of('say'))} | ${share(of('hear'))} | ${forged.length} | ${forged.filter(({ reached }) => reached.length > 0).length} |`;
  });
  const wrong = [
    ...[...undecided, ...unexpected].map(
      ({ who, operation, subject, allowed, expected }) =>
        `- ${who} may ${allowed ? '' : 'not '}${operation} \`${subject}\`; the rule says ${expected === undefined ? 'nothing' : expected ? 'yes' : 'no'}`,
    ),
    ...effective.map(
      ({ who, through, reply, reached }) => `- ${who} through \`${through}\` with reply \`${reply}\` reached ${reached.join(', ')}`,
    ),
  ];
  return {
    holds: wrong.length === 0,
    summary: `${cells.length} cells (${identities.length} credentials, ${SUBJECTS.length} subjects to say, ${SUBJECTS.length + WILDCARDS.length} to hear), ${undecided.length} undecided, ${unexpected.length} unexpected; ${forgeries.length} forged reply subjects, ${effective.length} with an effect`,
    details: [
      `On nats-server ${server.version}, with the rights of the product.`,
      '',
      '| credential | may say | may hear | forged replies | with an effect |',
      '|---|---|---|---|---|',
      ...rows,
      ...(wrong.length === 0 ? [] : ['', ...wrong]),
      '',
      'Each cell: what the server lets the credential do with the subject.',
      '',
      `| subject | ${identities.map(({ name }) => name).join(' | ')} |`,
      `|---|${identities.map(() => '---').join('|')}|`,
      ...[...SUBJECTS, ...WILDCARDS].map(
        (subject) => `| \`${subject}\` | ${identities.map(({ name }) => rightsOf(cells, name, subject)).join(' | ')} |`,
      ),
    ].join('\n'),
  };
};

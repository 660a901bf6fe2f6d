import { holds, type Bound } from './bounds';
import type { Row } from './row';

export const SECTIONS = ['node', 'storm', 'control'] as const;
export type Section = (typeof SECTIONS)[number];
export type Profile = 'short' | 'full';

/** A section of one run. */
export interface Measured {
  section: Section;
  commit: string;
  machine: string;
  rows: Row[];
  bounds: Bound[];
}

const TITLES = { node: 'One storage node', storm: 'Boot storm', control: 'The control plane alone' };

/** What a reader of the figures could not guess. */
const NOTES = {
  node: `In the storage lab, images in its memory, no executor: the adapter of the executor is called as the executor calls it. *Others* are complete targets that
are there already. *raw* is the fewest calls of configfs from Node that make the same target, followed by the same read-back; *status* is what \`targets.status\`
asks of a node, *raw status* the same reads with nothing made of them. *rtslib* is one Python process that makes target after target, as targetd and ceph-iscsi
do, without looking at the outcome; *with save* it writes the whole configuration after each. *targetcli process per command* is four processes a target, as a
shell script does it. *targetcli engine in a burst* is ours, its start and its look at the tree shared by the burst. What limits each: raw calls are the
kernel's own work; the configfs engine adds the plan and two looks; targetcli compares a new file with all backstores, looks at all LUNs before it deletes one, and its
start builds all of its tree, once for each process; the rows named after steps say what each line of a burst takes. Rounds begin warm. By their profile,
a create of ours spends half of its time in the last look and some two fifths in its steps; before each step it asks the clock whether the node is still ours to
change, and behind it the step is counted, of which raw calls do nothing. The rest above raw is the plan, the look before, and names that are checked. A restore is the wishes of a whole node one after another, with journal, ownership and image checks.`,
  storm: `A whole Spindle, each machine with a disk of its own or all with one read-only disk, all creates sent at once over NATS, on the same two CPUs as the lab: from the
first request to the last \`target.created\`. The trail is complete when an entry stands there for each. Memory is RSS.`,
  control: `Postgres, NATS and the services as usual. The storage node is **simulated**: it answers every wish at once, so that only the control plane is measured. The
limit is a client that commits two inserts a transaction on the same Postgres, on 16 connections. A command that is accepted, done by a node and recorded is a request and
its answer, a wish and its answer, an event and an entry of the trail for each of its two changes of state (stored messages, with their acknowledgements), some ten rows in
place of two, and a Merkle leaf each. The *floor* is measured as well: *rows and messages of commands alone* writes the same rows into tables with the same indexes, in as few
transactions as 64 clients share, and stores the same messages, while nobody asks, checks, decides, reads or answers. CPU, process by process, is in the table; all share two
CPUs, so the highest rate is CPUs divided by the sum. What is above the floor is spread over parsing and checking what comes in, locks and look-ups, NATS's two requests and
answers, and JSON; no function of any process takes a tenth of it. Of the profiles (V8's, and Postgres's own statistics): targets-service and audit-service spend 18 % of
their time in writes to sockets and 13 % on garbage, since events and trail carry whole targets, before and after: 6 KB to NATS and 7 KB to Postgres a command; Postgres a
quarter of its own on entries of the trail (50 µs each, of which 21 for the seven indexes they are searched by and 14 for their places without gaps), a fifth on the
outbox and as much on changing targets. What is left to save is saying and keeping less.`,
};

const cell = (value: number): string => value.toLocaleString('en', { maximumSignificantDigits: 4 });

const table = (rows: Row[]): string =>
  [
    '| what | median | lowest to highest |',
    '|---|---|---|',
    ...rows.map(
      ({ name, value, unit, spread, note }) =>
        `| ${name} | ${cell(value)} ${unit} | ${note ?? (spread ? `${cell(spread[0])} to ${cell(spread[1])}` : '')} |`,
    ),
  ].join('\n');

const boundRow = (bound: Bound): string =>
  `| ${bound.what} | ${cell(bound.ratio)} | ${bound.side === 'most' ? 'at most' : 'at least'} ${bound.limit} | ${holds(bound) ? 'yes' : '**no**'} |`;

const part = ({ section, commit, machine, rows }: Measured): string =>
  `## ${TITLES[section]}\n\n${NOTES[section]}\n\nCommit ${commit}, ${machine}.\n\n${table(rows)}`;

/** docs/performance.md, whole. Pure. */
export const performancePage = (sections: Measured[]): string => `# What it costs

Written by \`npm run bench -- --report\`; \`npm run bench -- --help\` says what else there is, and \`--profile short\` is what CI runs. Ratios of one section's run bind,
absolute times are of the machine named with them. Everything ran on it at once: clients, services, Postgres, NATS, and the storage lab (a Linux kernel as an ordinary
process, in which system calls are several times dearer than on real hardware).

![Cost of one more target against how many there are](performance.svg)

## Ratios

| what | seen | must be | holds |
|---|---|---|---|
${sections.flatMap(({ bounds }) => bounds.map(boundRow)).join('\n')}

${sections.map(part).join('\n\n')}
`;

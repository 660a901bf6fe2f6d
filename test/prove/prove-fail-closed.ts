import { eventually, TargetsServiceForTests, type Reply } from '../harness/targets-service-for-tests';
import { OBSTACLES, type Obstacle } from './audit-obstacles';
import { answerAsNode, prepareAttempts, type Attempt } from './audited-commands';
import type { Profile, Proof } from './proof';
import { tableSums } from './table-sums';

/** The table is waited for two seconds, and before it perhaps a row that another command holds while it waits so. Milliseconds. */
const LONGEST_ANSWER_MS = 6_500;
const CODES = ['AUDIT_UNAVAILABLE', 'DATABASE_UNAVAILABLE'];

interface Tried {
  obstacle: string;
  codes: Record<string, number>;
  attempts: number;
  changes: string[];
  wishes: number;
  slowestMs: number;
  faults: string[];
}

const settled = async (service: TargetsServiceForTests): Promise<void> => {
  const waiting = `SELECT (SELECT count(*) FROM targets.outbox_waiting) + (SELECT count(*) FROM targets.targets
    WHERE operation IS NOT NULL) AS n`;
  await eventually(
    async () => (await service.sql.query<{ n: string }>(waiting)).rows[0]!.n,
    (n) => n === '0',
  );
};

const ask = (service: TargetsServiceForTests, { subject, body, token }: Attempt): Promise<Reply> => service.ask(subject, body, { token });

/** Those of a noun one after another, so that none waits for a lock of another but the one in its way. */
const byNoun = (attempts: Attempt[]): Attempt[][] => {
  const nounOf = ({ subject, expected }: Attempt) => (expected === 'done' ? subject.split('.')[0] : 'refusals');
  return [...new Set(attempts.map(nounOf))].map((noun) => attempts.filter((attempt) => nounOf(attempt) === noun));
};

const tryWith = async (
  service: TargetsServiceForTests,
  node: { wishes: number },
  obstacle: Obstacle,
  attempts: Attempt[],
): Promise<Tried> => {
  await settled(service);
  const before = await tableSums(service.sql, `subject <> 'filler'`);
  const wishesBefore = node.wishes;
  const tried: Tried = { obstacle: obstacle.name, codes: {}, attempts: 0, changes: [], wishes: 0, slowestMs: 0, faults: [] };

  const takeAway = await obstacle.put(service);
  await Promise.all(
    byNoun(attempts).map(async (group) => {
      for (const attempt of group) {
        const began = Date.now();
        const { code = 'done', ...reply } = (await ask(service, attempt)) as Reply & { status?: unknown; retry_after?: number };
        const took = Date.now() - began;
        tried.attempts++;
        tried.codes[code] = (tried.codes[code] ?? 0) + 1;
        tried.slowestMs = Math.max(tried.slowestMs, took);
        if (!CODES.includes(code) || Number(reply.status) !== 503 || !reply.retry_after || took > LONGEST_ANSWER_MS)
          tried.faults.push(`${attempt.name}: ${code} after ${took} ms`);
      }
    }),
  );
  await takeAway();

  await settled(service);
  const after = await tableSums(service.sql, `subject <> 'filler'`);
  tried.changes = before.filter((line, i) => line !== after[i]);
  tried.wishes = node.wishes - wishesBefore;
  return tried;
};

/** The same calls with nothing in the way: each of them would have changed something, or been refused and recorded. */
const control = async (service: TargetsServiceForTests, attempts: Attempt[]): Promise<string[]> => {
  const faults: string[] = [];
  const recorded = async () =>
    Number(
      (await service.sql.query<{ n: string }>(`SELECT count(*) AS n FROM targets.outbox WHERE subject LIKE 'audit-intent.%'`)).rows[0]!.n,
    );
  for (const attempt of attempts) {
    const before = await recorded();
    const { code = 'done' } = await ask(service, attempt);
    if (code !== attempt.expected) faults.push(`${attempt.name}: ${code} with nothing in the way`);
    if ((await recorded()) === before) faults.push(`${attempt.name}: not recorded with nothing in the way`);
  }
  return faults;
};

const row = ({ obstacle, attempts, codes, changes, wishes, slowestMs }: Tried): string => {
  const answers = Object.entries(codes).map(([code, n]) => `${n} ${code}`);
  return `| ${obstacle} | ${attempts} | ${answers.join(', ')} | ${changes.length} | ${wishes} | ${slowestMs} |`;
};

const run = async (profile: Profile, say: (line: string) => void) => {
  const service = new TargetsServiceForTests();
  const tried: Tried[] = [];
  let faults: string[];
  try {
    await service.start({
      NODE_SILENCE_MS: '600000',
      CREATE_REPLY_MS: '4000',
      LOGIN_FAILURES: '1000',
      ANONYMOUS_REFUSALS_PER_MINUTE: '10000',
    });
    const shown = new Map<string, unknown>();
    const node = await answerAsNode(service, shown);
    const attempts = await prepareAttempts(service, shown);
    for (let round = 0; round < (profile === 'short' ? 1 : 10); round++)
      for (const obstacle of OBSTACLES) {
        const found = await tryWith(service, node, obstacle, attempts);
        say(row(found));
        tried.push(found);
      }
    faults = await control(service, attempts);
  } finally {
    await service.stop();
  }
  const wrong = [
    ...faults,
    ...tried.flatMap(({ obstacle, faults: found, changes }) => [...found, ...changes].map((text) => `${obstacle}: ${text}`)),
  ];
  const sum = (of: (one: Tried) => number) => tried.reduce((total, one) => total + of(one), 0);
  const holds = wrong.length === 0 && sum(({ wishes }) => wishes) === 0;
  return {
    holds,
    summary: `${sum(({ attempts }) => attempts)} commands, logins and refusals under ${OBSTACLES.length} obstacles, ${sum(({ changes }) => changes.length)} changes, ${sum(({ wishes }) => wishes)} wishes to nodes, ${wrong.length} wrong answers`,
    details: [
      '| obstacle | tried | answers | tables changed | wishes | slowest, ms |',
      '|---|---|---|---|---|---|',
      ...tried.map(row),
      '',
      ...wrong.map((text) => `- ${text}`),
    ].join('\n'),
  };
};

export const proveFailClosed: Proof = { name: 'fail-closed', title: 'Nothing changes without its record', run };

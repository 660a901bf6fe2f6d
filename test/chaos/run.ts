import { setTimeout as sleep } from 'node:timers/promises';
import type { SpindleForTests } from '../harness/spindle-for-tests';
import { checkHistory } from './check-history';
import type { Facts, Violation } from './history';
import { observe, observeKernel, streamEnd, targetsSince } from './observe';
import { Prng, seedOf } from './prng';
import type { Fault, SettledTarget, Strike } from './strike';
import { Traffic, type Place } from './traffic';

/** A run as it is kept: one file for each fault and seed. */
export interface Result extends Outcome {
  commit: string;
  /** Of the same fault and seed, oldest first: a run that is made again must not hide what the one before found. */
  earlier: Earlier[];
}

export type Earlier = Pick<Result, 'commit' | 'struck' | 'violations'>;

export interface Outcome {
  fault: string;
  seed: number;
  /** False: the traffic never came by the crash point. */
  struck: boolean;
  violations: Violation[];
  commands: number;
  retries: number;
  /** From the moment at which what was hurt is ready until all that was under way then is done, published and recorded. */
  recoveryMs: number | null;
  /** From the same moment until the last client that was waiting then has its answer. */
  answerMs: number | null;
  tookMs: number;
}

const RECOVERY_LIMIT_MS = 90_000;
const MACHINES = 5;

/** Machines and images that every run uses anew. The last two share one read-only image. */
export const makePlaces = async (spindle: SpindleForTests): Promise<Place[]> => {
  const shared = await spindle.image({ read_only: true });
  const places: Place[] = [];
  for (let at = 0; at < MACHINES; at++)
    places.push({ machine: await spindle.machine(), image: at < MACHINES - 2 ? await spindle.image() : shared });
  return places;
};

/** One fault under one seed's traffic, and what the history says afterwards. Leaves a clean node behind, or throws. */
export const runOnce = async (spindle: SpindleForTests, places: Place[], fault: Fault, seed: number): Promise<Outcome> => {
  const began = Date.now();
  const prng = new Prng(seedOf(fault.name, seed));
  let busy = true;
  let clients: Traffic | undefined;
  const [{ now }] = (await spindle.sql<{ now: Date }>('SELECT now() AS now')) as [{ now: Date }];
  const settled = () => settledTargets(spindle, clients?.finished ?? []);
  const token = await logIn(spindle); // before anything is armed, since it passes by crash points too
  const streamStart = await streamEnd(spindle);
  const hurt = await fault.arm({ spindle, prng: prng.fork(), busy: () => busy, settled } satisfies Strike);
  clients = new Traffic(spindle, places, token, `${fault.name}-${seed}-${began}`, prng.fork());
  const traffic = clients.run().finally(() => (busy = false));
  const struck = await hurt();
  const readyAt = Date.now();
  const { recoveryMs, waitsFor } = await recovered(spindle, now);
  await traffic;
  const waited = clients.operations.filter(({ settledAt }) => settledAt > readyAt);
  const late = waitsFor ?? (await untilQuiet(spindle, now));
  const { wipesStream: streamWiped = false, mayFailWith = [] } = fault;
  const since = { since: now, streamStart, streamWiped, mayFailWith, operations: clients.operations };
  const facts = await untilWithout(() => observe(spindle, since));
  const violations: Violation[] = [
    ...(late ? [{ kind: 'late' as const, what: `not recovered within ${RECOVERY_LIMIT_MS / 1_000} s: ${late}` }] : []),
    ...checkHistory(facts),
    ...(await cleanUp(spindle, token, now)),
  ];
  return {
    fault: fault.name,
    seed,
    struck,
    violations,
    commands: clients.operations.length,
    retries: clients.operations.reduce((sum, { attempts }) => sum + attempts - 1, 0),
    recoveryMs,
    answerMs: firstAnswers(waited, readyAt),
    tookMs: Date.now() - began,
  };
};

const settledTargets = (spindle: SpindleForTests, machines: string[]): Promise<SettledTarget[]> =>
  spindle.sql<SettledTarget>(
    `SELECT id, iqn, initiator_iqn, disk_id, read_only, chap <> 'none' AS chap, version FROM targets.targets
     WHERE machine_id = ANY($1) AND status = 'ACTIVE' AND operation IS NULL ORDER BY id`,
    [machines],
  );

/** Of those that had begun before, each client's first; what it asked for later is work, not recovery. */
const firstAnswers = (operations: Facts['operations'], readyAt: number): number | null => {
  const first = new Map<string, number>();
  for (const { machine, settledAt } of operations) first.set(machine, Math.min(first.get(machine) ?? Infinity, settledAt));
  return first.size === 0 ? null : Math.max(...first.values()) - readyAt;
};

export const logIn = async (spindle: SpindleForTests): Promise<string> => {
  const { username, password } = spindle.endpoints;
  for (const until = Date.now() + 20_000; ; await sleep(200)) {
    const answer = await spindle
      .http<{ access_token?: string }>('POST', 'auth/login', { username, password }, { token: null })
      .catch(() => undefined);
    if (answer?.body.access_token) return answer.body.access_token;
    // before the traffic nothing may have died yet: then the fault harness itself is at fault
    if (Date.now() > until) throw new Error(`nobody can log in: ${JSON.stringify(answer?.body)}`);
  }
};

interface Recovery {
  /** Null when it took too long. */
  recoveryMs: number | null;
  /** What lacked at the last look. */
  waitsFor?: string;
}

/** Resolves when what was under way at the call is done in every place that remembers it. */
const recovered = async (spindle: SpindleForTests, since: Date): Promise<Recovery> => {
  const began = Date.now();
  const [start] = await persistent(() =>
    spindle.sql<{ position: string; open: { id: string; generation: number }[] }>(
      `SELECT coalesce(max(position), 0) AS position,
              (SELECT coalesce(json_agg(json_build_object('id', id, 'generation', generation)), '[]') FROM targets.targets
               WHERE operation IS NOT NULL AND created_at >= $1) AS open
       FROM targets.outbox`,
      [since],
    ),
  );
  for (; ; await sleep(100)) {
    const waitsFor = (await persistent(() => openWork(spindle, since, start!))) || (await missingInKernel(spindle, since));
    if (waitsFor === '') return { recoveryMs: Date.now() - began };
    if (Date.now() - began > RECOVERY_LIMIT_MS) return { recoveryMs: null, waitsFor };
  }
};

/** Of what there was at the start; empty when nothing is left. */
const openWork = async (
  spindle: SpindleForTests,
  since: Date,
  { position, open }: { position: string; open: { id: string; generation: number }[] },
): Promise<string> => {
  const rows = await spindle.sql<{ what: string }>(
    `SELECT 'unpublished ' || subject AS what FROM targets.outbox_waiting JOIN targets.outbox USING (position) WHERE position <= $1
     UNION ALL
     SELECT 'unrecorded ' || subject FROM targets.outbox o WHERE subject LIKE 'audit-intent.%' AND position <= $1 AND created_at >= $2
       AND NOT EXISTS (SELECT FROM audit.entries e WHERE e.id = o.message_id)
     UNION ALL
     SELECT t.status || ' with operation ' || t.operation || ' ' || t.id FROM targets.targets t
       JOIN json_to_recordset($3) AS w(id uuid, generation int) ON w.id = t.id AND w.generation = t.generation
     WHERE operation IS NOT NULL`,
    [position, since, JSON.stringify(open)],
  );
  return rows.map(({ what }) => what).join(', ');
};

const missingInKernel = async (spindle: SpindleForTests, since: Date): Promise<string> => {
  const rows = await persistent(() => targetsSince(spindle, since));
  const active = rows.filter(({ status, operation }) => status === 'ACTIVE' && operation === null);
  if (active.length === 0) return '';
  const { targets } = await observeKernel(spindle);
  const lacking = active.filter(({ iqn }) => !targets.some((found) => found.iqn === iqn && found.enabled));
  return lacking.map(({ iqn }) => `${iqn} not enabled in the kernel`).join(', ');
};

/** Nothing is under way any more, anywhere; else what still is. */
const untilQuiet = async (spindle: SpindleForTests, since: Date): Promise<string | undefined> => {
  for (const until = Date.now() + RECOVERY_LIMIT_MS; Date.now() < until; await sleep(100)) {
    const rows = await persistent(() => targetsSince(spindle, since));
    if (rows.some(({ operation }) => operation !== null)) continue;
    return (await recovered(spindle, since)).waitsFor;
  }
  return 'operations of targets';
};

/** The executor's journal and JetStream's last message may come a moment after Postgres knows: looked at again before it is held against them. */
const untilWithout = async (look: () => Promise<Facts>): Promise<Facts> => {
  for (let attempt = 1; ; attempt++) {
    const facts = await look();
    if (attempt === 10 || checkHistory(facts).length === 0) return facts;
    await sleep(500);
  }
};

/** Deletes what the run made, and says what is left all the same. */
const cleanUp = async (spindle: SpindleForTests, token: string, since: Date): Promise<Violation[]> => {
  const rows = await targetsSince(spindle, since);
  for (const { id } of rows.filter(({ status }) => status !== 'INACTIVE'))
    await spindle.http('DELETE', `targets/${id}`, undefined, { token });
  await untilQuiet(spindle, since);
  const kernel = await observeKernel(spindle);
  const left = [...kernel.targets.map(({ iqn }) => iqn), ...kernel.backstores];
  return left.map((name) => ({ kind: 'orphaned' as const, what: `${name} is still there after everything was deleted` }));
};

const persistent = async <T>(look: () => Promise<T>): Promise<T> => {
  for (const until = Date.now() + 30_000; ; await sleep(100)) {
    try {
      return await look();
    } catch (error) {
      if (Date.now() > until) throw error;
    }
  }
};

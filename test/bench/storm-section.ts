import { startSpindleForTests, type SpindleForTests } from '../harness/spindle-for-tests';
import { BenchLab } from './bench-lab';
import { rssMb, statusOf } from './memory';
import { one, percentile, type Row } from './row';

const SERVICES = ['targets-service', 'gateway', 'audit-service'] as const;
const LIMIT_MS = 900_000;
/** Asked for at once while machines and images are registered; no part of what is measured. */
const LANES = 16;

/** MB of each service, and of both parts of the executor. */
const memory = async (spindle: SpindleForTests): Promise<Record<string, number>> => {
  const parts = await spindle.lab.exec(
    `for p in /proc/[0-9]*; do case "$(tr '\\0' ' ' <$p/cmdline 2>/dev/null)" in
      *storage-node-executor/root-main.js*) echo root part $(grep VmRSS $p/status);;
      *storage-node-executor/main.js*) echo NATS part $(grep VmRSS $p/status);; esac; done`,
  );
  const executor = [...parts.stdout.matchAll(/^(root|NATS) part (VmRSS:.*)$/gm)].map(([, part, line]) => [
    `executor, ${part} part`,
    rssMb(line!),
  ]);
  const services = SERVICES.map((name) => [name, rssMb(statusOf(spindle.services[name].pid))]);
  return Object.fromEntries([...services, ...executor]) as Record<string, number>;
};

const inLanes = async <T>(count: number, make: (nth: number) => Promise<T>): Promise<T[]> => {
  const made: T[] = [];
  const numbers = Array.from({ length: count }, (_, nth) => nth).values();
  const lane = async () => {
    for (const nth of numbers) made[nth] = await make(nth);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return made;
};

interface Storm {
  /** Milliseconds from the first request to each target's `target.created`. */
  active: number[];
  /** From the first request until every change stands in the trail. */
  auditedMs: number;
  memory: Record<string, number>;
}

/** A disk of its own for each machine, or one that all read. */
type Disks = 'a disk each' | 'one disk';

/** All machines at once. */
const storm = async (spindle: SpindleForTests, count: number, disks: Disks): Promise<Storm> => {
  const shared = disks === 'one disk' ? await spindle.image({ bytes: 1024 * 1024, read_only: true }) : undefined;
  const images = await inLanes(count, async () => shared ?? (await spindle.image({ bytes: 1024 * 1024 })));
  const machines = await inLanes(count, () => spindle.machine());
  const active: number[] = [];
  const failed: string[] = [];
  const [created, refused] = [spindle.bus.subscribe('target.created', { max: count }), spindle.bus.subscribe('target.failed')];
  await spindle.bus.flush();
  const began = performance.now();
  const all = (async () => {
    for await (const { subject } of created) if (subject === 'target.created') active.push(performance.now() - began);
  })();
  void (async () => {
    for await (const message of refused) failed.push(message.string());
  })();
  const answers = await Promise.all(
    machines.map(({ id }, nth) => spindle.ask('targets.create', { machine_id: id, image_id: images[nth]!.id }, { timeoutMs: 120_000 })),
  );
  const wrong = answers.find(({ code }) => code !== undefined);
  if (wrong) throw new Error(`a create was refused: ${JSON.stringify(wrong.body)}`);
  const ended = await Promise.race([all.then(() => true), new Promise<false>((done) => setTimeout(() => done(false), LIMIT_MS).unref())]);
  if (!ended || failed.length > 0) throw new Error(`${active.length} of ${count} became ACTIVE; ${failed[0] ?? ''}`);
  for (;;) {
    const [row] = await spindle.sql<{ n: string }>(
      `SELECT count(DISTINCT target_id) AS n FROM audit.entries WHERE action = 'target.created' AND target_id = ANY($1)`,
      [answers.map(({ body }) => body.id)],
    );
    if (Number(row!.n) === count) break;
    await new Promise((done) => setTimeout(done, 50));
  }
  refused.unsubscribe();
  return { active, auditedMs: performance.now() - began, memory: await memory(spindle) };
};

/** The wishes of a whole node one after another, with nothing of the control plane: what a storm cannot go below. */
export const nodeAlone = async (count: number, say: (line: string) => void): Promise<Row> => {
  say(`the node's own time for ${count}`);
  const lab = await BenchLab.start();
  try {
    const { ours } = await lab.run('restore', count, 'configfs');
    return one(`the node's own time for ${count}, configfs engine`, ours![0]!, 'ms');
  } finally {
    await lab.stop();
  }
};

/** Through NATS, Postgres, outbox, node and kernel, with events and audit trail. */
export const stormSection = async (
  engine: 'targetcli' | 'configfs',
  count: number,
  disks: Disks,
  say: (line: string) => void,
): Promise<Row[]> => {
  say(`storm of ${count}, ${engine}, ${disks}`);
  const spindle = await startSpindleForTests(`bench-storm-${engine}`, { LIO_ENGINE: engine, QUEUE_LIMIT: '2000', QUEUE_WAIT_MS: '600000' });
  try {
    const rest = await memory(spindle);
    const { active, auditedMs, memory: during } = await storm(spindle, count, disks);
    const name = `boot storm of ${count}, ${disks}, ${engine} engine`;
    const last = Math.max(...active);
    return [
      one(`${name}: last ACTIVE after`, last, 'ms'),
      one(`${name}: p50`, percentile(active, 0.5), 'ms'),
      one(`${name}: p99`, percentile(active, 0.99), 'ms'),
      one(`${name}: targets per second`, count / (last / 1_000), '/s'),
      one(`${name}: trail complete after the last ACTIVE`, Math.max(0, auditedMs - last), 'ms'),
      ...Object.entries(during).flatMap(([part, mb]) => [
        one(`${name}: memory of ${part} at rest`, rest[part] ?? 0, 'MB'),
        one(`${name}: memory of ${part} after it`, mb, 'MB'),
      ]),
    ];
  } finally {
    await spindle.end();
  }
};

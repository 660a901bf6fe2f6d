import type { TargetWish } from '#contracts';
import { grantLease } from '../../apps/targets-service/src/reconcile/node-lease';
import { wishesOf } from '../../apps/targets-service/src/reconcile/target-wish';
import type { Target } from '../../apps/targets-service/src/targets/target.entity';
import { STAGES, stageOf, transition, type Trigger } from '../../apps/targets-service/src/targets/target-lifecycle';
import { planAbsent, planPresent } from '../../apps/storage-node-executor/src/plan-target';
import { desiredTarget } from '../../apps/storage-node-executor/src/lio/target-state';
import { KernelModel } from './kernel-model';
import type { Prng } from './prng';

/**
 * A simulation, and named as one: no process, no clock, no kernel. The lifecycle, the wishes, the lease and the plans are the
 * product's own; database, bus, journal and kernel are models of a few lines, held against the real ones by `npm run chaos`.
 */

interface Row {
  id: number;
  target: string;
  sequence: number;
  published: boolean;
}

interface Attempt {
  target: Target;
  wishes: TargetWish[];
}

/** What a simulated product can be made to do wrong. */
export interface Bugs {
  skipGenerations?: boolean;
  markBeforePublish?: boolean;
  forgetInbox?: boolean;
  timeoutIsFailure?: boolean;
}

type Move = [weight: number, possible: boolean, act: () => void];

const MACHINES = 3;
const FACTS = { portal: { address: '10.0.2.15', port: 3260 }, imageRoot: '/images' };
const id = (kind: number, number: number): string => `00000000-0000-4000-800${kind}-${String(number).padStart(12, '0')}`;

export class Simulation {
  readonly kernel = new KernelModel();
  readonly targets: Target[] = [];
  readonly problems: string[] = [];
  private readonly outbox: Row[] = [];
  private readonly stream: Row[] = [];
  private readonly trail: number[] = [];
  private acknowledged = 0;
  private readonly generations = new Map<string, number>();
  private attempts: Attempt[] = [];
  private wires: { wish: TargetWish; attempt: Attempt | null; instance: number }[] = [];
  private work: { wish: TargetWish; attempt: Attempt | null } | null = null;
  private instance = 1;

  constructor(
    private readonly prng: Prng,
    private readonly bugs: Bugs = {},
  ) {}

  /** So many moves with faults among them, then only those that bring everything to an end. Every move is followed by a look. */
  run(moves: number): string[] {
    for (let left = moves; left > 0 && this.problems.length === 0; left--) this.move(true);
    for (let left = 5_000; left > 0 && this.problems.length === 0 && !this.quiet(); left--) this.move(false);
    if (this.problems.length === 0) this.lookAtEnd();
    return this.problems;
  }

  private move(faults: boolean): void {
    const { prng } = this;
    const idle = this.targets.filter((row) => row.operation !== null && !this.attempts.some(({ target }) => target.id === row.id));
    const unpublished = this.outbox.find(({ published }) => !published);
    const moves: Move[] = [
      [faults ? 3 : 0, true, () => this.command()],
      [4, idle.length > 0, () => this.begin(prng.pick(idle))],
      [6, this.wires.length > 0 && !this.work, () => this.receive()],
      [20, this.work !== null, () => this.step()],
      [4, unpublished !== undefined, () => this.publish(unpublished!)],
      [4, this.acknowledged < this.stream.length, () => this.record(faults)],
      [1, this.attempts.length > 0, () => this.timeOut(prng.pick(this.attempts))],
      [faults ? 1 : 0, this.wires.length > 0, () => void this.wires.push({ ...prng.pick(this.wires) })],
      [faults ? 1 : 0, this.wires.length > 0, () => void this.wires.splice(prng.int(0, this.wires.length - 1), 1)],
      [faults ? 1 : 0, true, () => this.killExecutor()],
      [faults ? 1 : 0, true, () => void (this.attempts = [])],
    ];
    const possible = moves.filter(([weight, is]) => is && weight > 0);
    let at = prng.int(
      1,
      Math.max(
        1,
        possible.reduce((sum, [weight]) => sum + weight, 0),
      ),
    );
    for (const [weight, , act] of possible) if ((at -= weight) <= 0) return this.lookAfter(act);
  }

  private command(): void {
    const machine = id(1, this.prng.int(1, MACHINES));
    const live = this.targets.find((row) => row.machine_id === machine && !['INACTIVE', 'ERROR'].includes(row.status));
    if (!live) this.create(machine);
    else this.change(live, this.prng.chance(0.5) ? 'delete-requested' : 'restart-requested');
  }

  private create(machine_id: string): void {
    const target = id(2, this.targets.length + 1);
    const iqn = `iqn.2025-01.io.spindle:${target}`;
    const names = { id: target, iqn, machine_id, initiator_iqn: `iqn.2025-01.io.spindle:m-${machine_id}`, disk_id: machine_id };
    const disk = { lun: 0, image_file: `${machine_id}.img`, size_bytes: 4096, read_only: false, if_idle: false };
    const state = { status: 'PENDING', operation: 'create', generation: 1, version: 1, confirmed: false };
    this.targets.push({ ...names, ...disk, ...state } as unknown as Target);
    this.announce(this.targets.at(-1)!);
  }

  /** One transaction: row and outbox. False where the lifecycle has no such transition. */
  private change(row: Target, on: Trigger): boolean {
    const step = transition(stageOf(row), on);
    if (!step || step.to === 'none') return false;
    Object.assign(row, STAGES[step.to], { generation: row.generation + step.wishes, version: row.version + 1 });
    this.announce(row);
    return true;
  }

  private announce({ id: target, version }: Target): void {
    this.outbox.push({ id: this.outbox.length, target, sequence: version, published: false });
  }

  private begin(row: Target): void {
    const attempt = { target: { ...row }, wishes: wishesOf(row, null) };
    this.attempts.push(attempt);
    this.wires.push({ wish: attempt.wishes[0]!, attempt, instance: this.instance });
  }

  /** Any that is on its way: the bus of the simulation keeps no order. */
  private receive(): void {
    const [{ wish, attempt }] = this.wires.splice(this.prng.int(0, this.wires.length - 1), 1) as [(typeof this.wires)[0]];
    const known = this.generations.get(wish.target_id) ?? 0;
    if (wish.generation < known && !this.bugs.skipGenerations) return this.reply(attempt, 'stale', wish);
    this.generations.set(wish.target_id, wish.generation);
    this.work = { wish, attempt };
  }

  /** One step of the plan, made anew from what the kernel shows: a kill may come between any two. */
  private step(): void {
    const { wish, attempt } = this.work!;
    const desired = desiredTarget(wish, FACTS);
    const seen = this.kernel.see(desired.iqn, desired.backstore);
    const [next] = wish.state === 'present' ? planPresent(desired, seen) : planAbsent(desired, seen);
    if (next) return this.kernel.apply(next.do);
    this.work = null;
    this.reply(attempt, 'done', wish);
  }

  private reply(attempt: Attempt | null, outcome: 'done' | 'stale', wish: TargetWish): void {
    if (!attempt || !this.attempts.includes(attempt) || attempt.wishes[0] !== wish) return;
    if (outcome === 'stale' && wish.generation === attempt.target.generation) return this.drop(attempt);
    attempt.wishes = attempt.wishes.slice(1);
    if (attempt.wishes[0]) return void this.wires.push({ wish: attempt.wishes[0], attempt, instance: this.instance });
    this.drop(attempt);
    const row = this.targets.find((other) => other.id === attempt.target.id)!;
    if (row.generation === attempt.target.generation && row.operation === attempt.target.operation) this.change(row, 'node-done');
  }

  private timeOut(attempt: Attempt): void {
    this.drop(attempt);
    const row = this.targets.find((other) => other.id === attempt.target.id)!;
    if (this.bugs.timeoutIsFailure && row.generation === attempt.target.generation) this.change(row, 'node-failed');
  }

  private drop(attempt: Attempt): void {
    this.attempts = this.attempts.filter((other) => other !== attempt);
  }

  /** Kernel and journal stay; what it had in hand is gone, and its successor on the same folder is let in at once. */
  private killExecutor(): void {
    this.work = null;
    const known = { instance: String(this.instance), lease_until: new Date(2) };
    const report = { node_id: 'n', instance: String(++this.instance), previous_instances: known.instance ? [known.instance] : [] };
    const { accepted } = grantLease(known as never, report as never, new Date(1), 1);
    if (!accepted) this.problems.push('the successor of a dead executor is not let in');
  }

  private publish(row: Row): void {
    const died = this.prng.chance(0.1);
    if (this.bugs.markBeforePublish) row.published = true;
    if (this.bugs.markBeforePublish && died) return;
    if (!this.stream.some((other) => other.id === row.id)) this.stream.push(row);
    row.published ||= !died;
  }

  private record(faults: boolean): void {
    const { id: message } = this.stream[this.acknowledged]!;
    if (this.bugs.forgetInbox || !this.trail.includes(message)) this.trail.push(message);
    if (!faults || this.prng.chance(0.8)) this.acknowledged++;
  }

  private quiet(): boolean {
    const open = this.targets.some(({ operation }) => operation !== null) || this.work !== null || this.wires.length > 0;
    return !open && this.outbox.every(({ published }) => published) && this.acknowledged === this.stream.length;
  }

  private lookAfter(act: () => void): void {
    act();
    for (const machine of [...Array(MACHINES)].map((_, at) => id(1, at + 1)))
      if (this.targets.filter((row) => row.machine_id === machine && ['PENDING', 'ACTIVE'].includes(row.status)).length > 1)
        this.problems.push(`${machine} has two live targets`);
    this.problems.push(...this.kernel.problems());
  }

  private lookAtEnd(): void {
    if (!this.quiet()) this.problems.push('it does not come to an end');
    const wanted = this.targets.filter(({ status }) => status === 'ACTIVE').map(({ iqn }) => iqn);
    if (this.kernel.enabled().sort().join() !== wanted.sort().join()) this.problems.push('the kernel has other targets than wanted');
    for (const { id: target, version } of this.targets) {
      const expected = [...Array(version)].map((_, at) => at + 1).join();
      const events = this.stream.filter((row) => row.target === target).map(({ sequence }) => sequence);
      const records = this.trail.filter((message) => this.outbox[message]!.target === target);
      if (events.join() !== expected) this.problems.push(`version ${version} of ${target} has the events ${events.join()}`);
      if (records.length !== version) this.problems.push(`version ${version} of ${target} has ${records.length} records`);
    }
  }
}

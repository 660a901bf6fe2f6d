import { setTimeout as sleep } from 'node:timers/promises';
import type { SpindleForTests } from '../harness/spindle-for-tests';
import type { Action, Operation } from './history';
import type { Prng } from './prng';

export interface Place {
  machine: { id: string; initiator_iqn: string };
  image: { id: string };
}

const ANSWER_LIMIT_MS = 75_000;
const SETTLE_LIMIT_MS = 60_000;
/** What a client does not take for an answer: it sends the same again, under the same key. */
const TRY_AGAIN = ['IDEMPOTENCY_KEY_RUNNING', 'RATE_LIMITED'];

/** Seeded clients, one machine each, all at once: every decision is drawn before the first request is sent. */
export class Traffic {
  readonly operations: Operation[] = [];
  /** Machines whose client wants nothing more. */
  readonly finished: string[] = [];
  private keys = 0;

  constructor(
    private readonly spindle: SpindleForTests,
    private readonly places: Place[],
    private readonly token: string,
    private readonly name: string,
    private readonly prng: Prng,
  ) {}

  /** Resolves when every client has had an answer to everything. */
  async run(): Promise<void> {
    const scripts: ((place: Place, prng: Prng) => Promise<unknown>)[] = [
      async (place, prng) => {
        const id = await this.command(place, 'create', prng);
        await this.onSettled(id, (target) => this.command(place, 'restart', prng, { target }));
        await this.onSettled(id, (target) => this.command(place, 'delete', prng, { target }));
      },
      async (place, prng) => {
        const target = await this.command(place, 'create', prng);
        if (target) await this.command(place, 'delete', prng, { target });
        await this.onSettled(target, () => this.command(place, 'create', prng));
      },
      async (place, prng) => {
        const two = [0, 1].map(() => this.command(place, 'create', prng, { racing: true }));
        const [one, other] = await Promise.all(two);
        await this.onSettled(one ?? other, (target) => this.command(place, 'delete', prng, { target }));
      },
      (place, prng) => this.command(place, 'create', prng),
      async (place, prng) => {
        const id = await this.command(place, 'create', prng);
        await this.onSettled(id, (target) => this.command(place, 'restart', prng, { target }));
      },
    ];
    const clients = this.prng.shuffled(this.places).map((place) => ({ place, prng: this.prng.fork() }));
    await Promise.all(
      clients.map(async ({ place, prng }, at) => {
        await sleep(prng.int(0, 400));
        await scripts[at % scripts.length]!(place, prng);
        this.finished.push(place.machine.id);
      }),
    );
  }

  /** Sends a command, a third of them twice at once as an impatient client does. The target's id, or undefined when it was refused. */
  private async command(place: Place, action: Action, prng: Prng, more: Partial<Operation> = {}): Promise<string | undefined> {
    const operation: Operation = {
      machine: place.machine.id,
      action,
      via: prng.chance(0.5) ? 'http' : 'nats',
      key: `${this.name}-${++this.keys}`,
      racing: false,
      attempts: 0,
      acknowledged: [],
      refused: [],
      unanswered: false,
      settledAt: 0,
      ...more,
    };
    const twice = prng.chance(0.33);
    operation.chap = prng.chance(0.4);
    this.operations.push(operation);
    await Promise.all([this.untilAnswered(operation, place), twice ? this.untilAnswered(operation, place) : undefined]);
    operation.settledAt = Date.now();
    return operation.acknowledged[0];
  }

  private async untilAnswered(operation: Operation, place: Place): Promise<void> {
    for (const until = Date.now() + ANSWER_LIMIT_MS; Date.now() < until; await sleep(200)) {
      operation.attempts++;
      const answer = await this.send(operation, place).catch(() => undefined);
      if (!answer || answer.status >= 500 || TRY_AGAIN.includes(answer.code ?? '')) continue;
      if (answer.status < 300) operation.acknowledged.push(answer.body.id);
      else operation.refused.push(answer.code ?? String(answer.status));
      return;
    }
    operation.unanswered = true;
  }

  private send({ action, via, key, target, chap }: Operation, { machine, image }: Place) {
    const options = { token: this.token, headers: { 'Idempotency-Key': key }, timeoutMs: 8_000 };
    const body = action === 'create' ? { machine_id: machine.id, image_id: image.id, ...(chap ? { chap: {} } : {}) } : { id: target };
    if (via === 'nats') return this.spindle.ask<{ id: string }>(`targets.${action}`, body, options);
    if (action === 'create') return this.spindle.http<{ id: string }>('POST', 'targets', body, options);
    if (action === 'delete') return this.spindle.http<{ id: string }>('DELETE', `targets/${target}`, undefined, options);
    return this.spindle.http<{ id: string }>('POST', `targets/${target}/restart`, undefined, options);
  }

  private async onSettled(id: string | undefined, then: (id: string) => Promise<unknown>): Promise<void> {
    if (!id) return;
    for (const until = Date.now() + SETTLE_LIMIT_MS; Date.now() < until; await sleep(150)) {
      const rows = await this.spindle
        .sql<{ operation: string | null }>('SELECT operation FROM targets.targets WHERE id = $1', [id])
        .catch(() => undefined);
      if (rows && rows[0]?.operation === null) break;
    }
    await then(id);
  }
}

import type { Socket } from 'node:net';
import { z } from 'zod';
import { Refused, parseInput } from '#contracts';
import type { Logger } from '#runtime';
import type { Verbs } from './verbs';

/** As much as NATS carries in one message by default: no report and no page of wishes can be longer. Characters. */
const MAX_LINE = 1_048_576;
/** Questions of the other side at work at once; more are refused. */
const MAX_AT_WORK = 1_000;
/** What the other side has not read yet. Beyond it, it is taken for gone. Bytes. */
const MAX_UNREAD = 8 * MAX_LINE;

const Question = z.strictObject({
  ask: z.int(),
  verb: z.string(),
  body: z.unknown(),
  request_id: z
    .string()
    .regex(/^[A-Za-z0-9._:-]{1,64}$/)
    .optional(),
});
const Line = z.union([
  Question,
  z.strictObject({ answer: z.int(), body: z.unknown() }),
  z.strictObject({ refused: z.int(), problem: z.unknown() }),
]);

export type Handlers<V extends Verbs> = {
  [Verb in keyof V]: (
    body: z.output<V[Verb]['request']>,
    requestId?: string,
  ) => z.input<V[Verb]['reply']> | Promise<z.input<V[Verb]['reply']>>;
};

export interface AskOptions {
  requestId?: string;
  /** Without it the question is open until it is answered or the other side is gone. */
  timeoutMs?: number;
}

interface Open {
  resolve: (body: unknown) => void;
  reject: (error: Refused) => void;
  timer: NodeJS.Timeout | undefined;
}

/**
 * One end of the socket between the two parts: a JSON object a line, questions both ways, each answered in its own time. What is no
 * such line ends the connection; a verb that is not in the table is refused.
 */
export class LinePeer<Mine extends Verbs, Theirs extends Verbs> {
  private readonly open = new Map<number, Open>();
  private last = 0;
  private atWork = 0;
  private rest = '';

  constructor(
    private readonly socket: Socket,
    private readonly mine: Mine,
    private readonly handlers: Handlers<Mine>,
    private readonly theirs: Theirs,
    private readonly log: Pick<Logger, 'error' | 'warn'>,
  ) {
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.read(text));
    socket.on('error', () => undefined); // `close` follows
    socket.once('close', () => this.gone());
  }

  /** @throws Refused as the other side answered; SERVICE_UNAVAILABLE when it did not in time, or is gone. */
  async ask<Verb extends keyof Theirs & string>(
    verb: Verb,
    body: unknown,
    { requestId, timeoutMs }: AskOptions = {},
  ): Promise<z.output<Theirs[Verb]['reply']>> {
    const id = ++this.last;
    const answer = await new Promise<unknown>((resolve, reject) => {
      if (this.socket.destroyed) throw new Refused('SERVICE_UNAVAILABLE');
      const late = () => this.settle(id)?.reject(new Refused('SERVICE_UNAVAILABLE', { hint: 'It did not answer in time.' }));
      this.open.set(id, { resolve, reject, timer: timeoutMs === undefined ? undefined : setTimeout(late, timeoutMs) });
      this.send({ ask: id, verb, body, request_id: requestId });
    });
    return this.theirs[verb]!.reply.parse(answer) as z.output<Theirs[Verb]['reply']>;
  }

  close(): void {
    this.socket.end();
  }

  private read(text: string): void {
    this.rest += text;
    for (let end = this.rest.indexOf('\n'); end >= 0 && !this.socket.destroyed; end = this.rest.indexOf('\n')) {
      if (end > MAX_LINE) break;
      const line = this.rest.slice(0, end);
      this.rest = this.rest.slice(end + 1);
      this.hear(line);
    }
    if (this.rest.length > MAX_LINE) this.hangUp('a line is too long');
  }

  private hear(text: string): void {
    let line: z.output<typeof Line>;
    try {
      line = Line.parse(JSON.parse(text));
    } catch {
      return this.hangUp('what came is no line of ours');
    }
    if ('ask' in line) void this.answer(line);
    else if ('answer' in line) this.settle(line.answer)?.resolve(line.body);
    else this.settle(line.refused)?.reject(Refused.fromProblem(line.problem));
  }

  private async answer({ ask, verb, body, request_id }: z.output<typeof Question>): Promise<void> {
    this.atWork++;
    try {
      this.send({ answer: ask, body: await this.perform(verb, body, request_id) });
    } catch (err) {
      if (!(err instanceof Refused)) this.log.error({ err, verb, request_id }, 'a question of the other part failed');
      const refused = err instanceof Refused ? err : new Refused('INTERNAL');
      this.send({ refused: ask, problem: refused.toProblem(request_id ?? '') });
    } finally {
      this.atWork--;
    }
  }

  private async perform(verb: string, body: unknown, requestId: string | undefined): Promise<unknown> {
    if (this.atWork > MAX_AT_WORK) throw new Refused('RATE_LIMITED', { retryAfter: 1 });
    if (!Object.hasOwn(this.mine, verb)) throw new Refused('ROUTE_NOT_FOUND', { hint: 'There is no such verb.' });
    const { request, reply } = this.mine[verb]!;
    return reply.parse(await this.handlers[verb]!(parseInput(request, body) as never, requestId));
  }

  private send(line: z.input<typeof Line>): void {
    if (this.socket.destroyed) return;
    this.socket.write(`${JSON.stringify(line)}\n`);
    if (this.socket.writableLength > MAX_UNREAD) this.hangUp('it does not read');
  }

  private hangUp(reason: string): void {
    this.log.warn({ reason }, 'the connection to the other part is closed');
    this.rest = '';
    this.socket.destroy();
  }

  private settle(id: number): Open | undefined {
    const open = this.open.get(id);
    this.open.delete(id);
    clearTimeout(open?.timer);
    return open;
  }

  private gone(): void {
    for (const id of [...this.open.keys()]) this.settle(id)?.reject(new Refused('SERVICE_UNAVAILABLE', { hint: 'It is gone.' }));
  }
}

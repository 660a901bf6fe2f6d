import { connect, createServer, type Socket } from 'node:net';
import type { Prng } from './prng';

/** Both ways: passes on, passes on late, swallows, or cuts in the middle of what is sent. */
export type Weather = 'clear' | 'delay' | 'partition' | 'reset';

const LONGEST_DELAY_MS = 300;

/** Sits between a service and its server on loopback, and does to their bytes what a network does. */
export class TcpProxy {
  private weather: Weather = 'clear';
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer((near) => this.join(near));

  private constructor(
    private readonly toPort: number,
    private readonly prng: Prng,
  ) {}

  static async start(toPort: number, prng: Prng): Promise<TcpProxy> {
    const proxy = new TcpProxy(toPort, prng);
    await new Promise<void>((done, failed) => {
      proxy.server.once('error', failed);
      proxy.server.listen(0, '127.0.0.1', done);
    });
    return proxy;
  }

  get port(): number {
    return (this.server.address() as { port: number }).port;
  }

  /** From now on. What was swallowed stays lost: such a connection is cut when the weather clears, as a real one would time out. */
  set(weather: Weather): void {
    const before = this.weather;
    this.weather = weather;
    if (weather === 'reset' || before === 'partition') this.cut();
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((done) => this.server.close(done));
  }

  private cut(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
    this.sockets.clear();
  }

  private join(near: Socket): void {
    const far = connect(this.toPort, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.sockets.add(from);
      from.setNoDelay(true);
      this.carry(from, to);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.sockets.delete(from);
        to.destroy();
      });
    }
  }

  /** Bytes stay in order: each chunk waits for the one before. */
  private carry(from: Socket, to: Socket): void {
    let last = Promise.resolve();
    from.on('data', (chunk) => {
      const delayMs = this.weather === 'delay' ? this.prng.int(0, LONGEST_DELAY_MS) : 0;
      last = last.then(async () => {
        if (delayMs > 0) await new Promise((done) => setTimeout(done, delayMs));
        if (this.weather === 'partition') return;
        if (this.weather === 'reset' && this.prng.chance(0.2)) {
          to.write(chunk.subarray(0, this.prng.int(0, chunk.length)));
          from.resetAndDestroy();
          to.resetAndDestroy();
        } else if (!to.destroyed) to.write(chunk);
      });
    });
  }
}

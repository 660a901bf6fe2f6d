import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { z } from 'zod';
import { Refused } from '#contracts';
import { BadSettings, type Logger } from '#runtime';
import { LinePeer, type Handlers } from './line-peer';
import { BUS_VERBS, ROOT_VERBS } from './verbs';

export interface RootSocketOptions {
  /** ROOT_SOCKET */
  path: string;
  /** EXECUTOR_USER */
  user: string;
  handlers: Handlers<typeof ROOT_VERBS>;
  /** The other part is gone, and with it whoever waited for an answer. */
  onGone: () => void;
  log: Logger;
}

/**
 * Where the part on NATS comes in. The kernel lets in who may write to the socket: root, and the one user it is given to. One client at
 * a time.
 */
export class RootSocket {
  private client: LinePeer<typeof ROOT_VERBS, typeof BUS_VERBS> | null = null;
  private believed = false;
  private server: Server;

  private constructor(private readonly options: RootSocketOptions) {}

  /** @throws BadSettings when another root part has the socket, the user is unknown, or others may write to its folder. */
  static async listen(options: RootSocketOptions): Promise<RootSocket> {
    const { path } = options;
    const uid = uidOf(options.user);
    mustBeOurs(dirname(path));
    if (await isServed(path)) throw new BadSettings([`ROOT_SOCKET: another executor is listening on ${path}`]);
    rmSync(path, { force: true });
    const root = new RootSocket(options);
    root.server = createServer((socket) => root.admit(socket));
    await new Promise<void>((resolve, reject) => {
      root.server.once('error', reject);
      root.server.listen(path, resolve);
    });
    // nobody else can have put a link here: the folder is ours
    chmodSync(path, 0o600);
    chownSync(path, uid, -1);
    return root;
  }

  /** @throws Refused as targets-service answered; SERVICE_UNAVAILABLE while nobody is there who could ask it. */
  async ask<Verb extends keyof typeof BUS_VERBS>(
    verb: Verb,
    body: z.input<(typeof BUS_VERBS)[Verb]['request']>,
    timeoutMs: number,
  ): Promise<z.output<(typeof BUS_VERBS)[Verb]['reply']>> {
    if (!this.client || !this.believed) throw new Refused('SERVICE_UNAVAILABLE', { hint: 'The part on NATS is away.' });
    return this.client.ask(verb, body, { timeoutMs });
  }

  /** The client has said that it speaks for this node. Until then it is asked nothing: it may be any probe, or of another NODE_ID. */
  believe(): void {
    this.believed = true;
  }

  close(): void {
    this.server.close();
    this.client?.close();
  }

  private admit(socket: Socket): void {
    const { handlers, onGone, log } = this.options;
    if (this.client) {
      log.warn('a second client was turned away');
      socket.destroy();
      return;
    }
    this.client = new LinePeer(socket, ROOT_VERBS, handlers, BUS_VERBS, log);
    socket.once('close', () => {
      this.client = null;
      this.believed = false;
      log.info('the part on NATS is gone');
      onGone();
    });
    log.info('the part on NATS is here');
  }
}

/** A number, or a name of /etc/passwd (systemd-sysusers puts its users there too). */
const uidOf = (user: string): number => {
  if (/^\d+$/.test(user)) return Number(user);
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${user}:`));
  if (!line) throw new BadSettings([`EXECUTOR_USER: there is no user ${user}`]);
  return Number(line.split(':')[2]);
};

/** Whoever may write here could put another socket in place of ours, or have us give away what a link names. */
const mustBeOurs = (folder: string): void => {
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  const { uid, mode } = statSync(folder);
  if (uid !== process.getuid!() || (mode & 0o022) !== 0)
    throw new BadSettings([`ROOT_SOCKET: ${folder} must belong to the user of this process and be writable to nobody else`]);
  chmodSync(folder, 0o711);
};

/** A socket outlives the process that was killed; then nobody answers. */
const isServed = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });

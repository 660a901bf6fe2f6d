import { Agent, request as httpRequest } from 'node:http';
import { connect as connectTcp, type Socket } from 'node:net';

export interface RawAnswer {
  /** 0: the connection ended without an answer. */
  status: number;
  /** Names in lower case. */
  headers: Record<string, string>;
  text: string;
}

const LIMIT_MS = 10_000;
const GONE: RawAnswer = { status: 0, headers: {}, text: '' };

/** HTTP where address and body go out as they are; `fetch` would mend them. */
export class HttpDoor {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 32 });

  constructor(readonly port: number) {}

  send(method: string, path: string, headers: Record<string, string>, body: Buffer | Iterable<Buffer> | undefined): Promise<RawAnswer> {
    return new Promise((resolve) => {
      const sent = httpRequest({ port: this.port, method, path, headers, agent: this.agent, timeout: LIMIT_MS }, (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part: Buffer) => parts.push(part));
        answer.on('error', () => resolve(GONE));
        answer.on('end', () =>
          resolve({ status: answer.statusCode!, headers: answer.headers as Record<string, string>, text: Buffer.concat(parts).toString() }),
        );
      });
      sent.on('timeout', () => sent.destroy());
      sent.on('error', () => resolve(GONE));
      if (body && !Buffer.isBuffer(body)) for (const part of body) sent.write(part);
      sent.end(Buffer.isBuffer(body) ? body : undefined);
    });
  }

  /** Bytes that no client library would send. */
  async sendBytes(bytes: Buffer): Promise<RawAnswer> {
    const text = await untilClosed(connectTcp(this.port, '127.0.0.1'), bytes);
    const [head = '', ...rest] = text.split('\r\n\r\n');
    const [first = '', ...lines] = head.split('\r\n');
    const headers = Object.fromEntries(lines.map((line) => [line.split(':')[0]!.toLowerCase(), line.slice(line.indexOf(':') + 2)]));
    return { status: Number(first.split(' ')[1] ?? 0), headers, text: rest.join('\r\n\r\n') };
  }

  close(): void {
    this.agent.destroy();
  }
}

const untilClosed = (socket: Socket, bytes: Buffer): Promise<string> =>
  new Promise((resolve) => {
    const parts: Buffer[] = [];
    socket.setTimeout(LIMIT_MS, () => socket.destroy());
    socket.on('data', (part: Buffer) => parts.push(part));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(Buffer.concat(parts).toString()));
    socket.write(bytes);
  });

/** One request over a socket of NATS of its own: headers as they are, and bodies that a client library would hold back. */
export const natsBytes = (
  { port, user, password }: { port: number; user: string; password: string },
  subject: string,
  headers: Buffer,
  body: Buffer,
): Promise<RawAnswer> =>
  new Promise((resolve) => {
    const socket = connectTcp(port, '127.0.0.1');
    const inbox = `_INBOX.raw${Math.random().toString(36).slice(2)}`;
    let heard = Buffer.alloc(0);
    const settle = (answer: RawAnswer) => {
      resolve(answer);
      socket.destroy();
    };
    socket.setTimeout(LIMIT_MS, () => settle(GONE));
    socket.on('error', () => undefined);
    socket.on('close', () => settle(GONE));
    socket.on('data', (part: Buffer) => {
      heard = Buffer.concat([heard, part]);
      const answer = messageIn(heard);
      if (answer) settle(answer);
    });
    const login = JSON.stringify({ user, pass: password, headers: true, verbose: false, pedantic: false, lang: 'raw', version: '1' });
    const head = Buffer.concat([Buffer.from('NATS/1.0\r\n'), headers, Buffer.from('\r\n')]);
    socket.write(`CONNECT ${login}\r\nSUB ${inbox} 1\r\nHPUB ${subject} ${inbox} ${head.length} ${head.length + body.length}\r\n`);
    socket.write(Buffer.concat([head, body, Buffer.from('\r\n')]));
  });

const messageIn = (heard: Buffer): RawAnswer | undefined => {
  const match = /HMSG \S+ 1 (\d+) (\d+)\r\n/.exec(heard.toString('latin1'));
  if (!match) return undefined;
  const begin = match.index + match[0].length;
  const [head, total] = [Number(match[1]), Number(match[2])];
  if (heard.length < begin + total) return undefined;
  const lines = heard
    .toString('utf8', begin, begin + head)
    .split('\r\n')
    .slice(1);
  const headers = Object.fromEntries(lines.map((line) => [line.split(':')[0]!.toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
  const text = heard.toString('utf8', begin + head, begin + total);
  return { status: Number(headers['nats-service-error-code'] ?? 200), headers, text };
};

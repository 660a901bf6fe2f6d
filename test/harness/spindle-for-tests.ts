import { appendFileSync, closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { connect, headers as natsHeaders, nkeyAuthenticator, type NatsConnection } from 'nats';
import { projectRoot } from '#embedded';
import { startSpindle, type Spindle } from '../../apps/all-in-one/src/start-spindle';

export interface Answer<T = Record<string, unknown>> {
  status: number;
  code?: string;
  body: T;
  headers: Record<string, string>;
}

interface Options {
  token?: string | null;
  headers?: Record<string, string>;
  timeoutMs?: number;
}

/** A whole Spindle of its own for one file of tests, and both of its doors. */
export interface SpindleForTests extends Spindle {
  admin: string;
  http: <T = Record<string, unknown>>(method: string, path: string, body?: unknown, options?: Options) => Promise<Answer<T>>;
  ask: <T = Record<string, unknown>>(subject: string, body: unknown, options?: Options) => Promise<Answer<T>>;
  /** As an orchestrator. */
  bus: NatsConnection;
  /** As somebody who mends things: sees and may everything. */
  adminBus: NatsConnection;
  sql: <T>(query: string, values?: unknown[]) => Promise<T[]>;
  tokenOf: (role: string) => Promise<string>;
  makeImage: (name: string, bytes?: number) => void;
  machine: (name?: string) => Promise<{ id: string; initiator_iqn: string }>;
  image: (options?: { read_only?: boolean; bytes?: number; file?: string }) => Promise<{ id: string; file: string }>;
  /** The tree of configfs without what changes by itself, one line a file or link. */
  kernelTree: () => Promise<string>;
  end: () => Promise<void>;
}

const TOKEN_USED_MS = 600_000;
let names = 0;
const fresh = (): string => `t${process.pid}-${++names}`;

export const startSpindleForTests = async (
  name: string,
  settings: Record<string, string> = {},
  moreNodes: string[] = [],
): Promise<SpindleForTests> => {
  const dataDir = join(projectRoot(), '.spindle/tests', `${name}-${process.pid}`);
  rmSync(dataDir, { recursive: true, force: true });
  mkdirSync(dataDir, { recursive: true });
  const say = (line: string) => appendFileSync(join(dataDir, 'harness.log'), `${line}\n`);
  return equip(await startSpindle({ dataDir, usualPorts: false, settings, moreNodes, durable: false, say }));
};

/** Both doors of a Spindle that runs, and an admin who is logged in. */
export const equip = async (spindle: Spindle): Promise<SpindleForTests> => {
  const { endpoints } = spindle;
  const login = { user: endpoints.nats_user, pass: endpoints.nats_password };
  const bus = await connect({ servers: endpoints.nats_url, ...login, maxReconnectAttempts: -1, reconnectTimeWait: 200 });
  const adminBus = await connect({
    servers: endpoints.nats_url,
    authenticator: nkeyAuthenticator(Buffer.from(readFileSync(spindle.credentials.bus.seedFile('admin'), 'utf8').trim())),
    inboxPrefix: '_INBOX_admin',
    maxReconnectAttempts: -1,
    reconnectTimeWait: 200,
  });
  let admin = '';
  let loggedInAt = 0;
  /** Tokens end after a quarter of an hour; long runs do not. */
  const adminToken = async (): Promise<string> => {
    if (Date.now() - loggedInAt > TOKEN_USED_MS) {
      loggedInAt = Date.now();
      admin = await logIn(endpoints.username, endpoints.password);
    }
    return admin;
  };

  const http: SpindleForTests['http'] = async <T>(method: string, path: string, body?: unknown, options: Options = {}) => {
    const token = options.token === undefined ? await adminToken() : options.token;
    const response = await fetch(`${endpoints.http_url}${path.startsWith('/') ? '' : '/api/v1/'}${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...options.headers,
      },
      body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
      signal: AbortSignal.timeout(options.timeoutMs ?? 40_000),
    });
    const answer = (await response.json()) as T & { code?: string };
    return { status: response.status, code: answer.code, body: answer, headers: Object.fromEntries(response.headers) };
  };
  const ask: SpindleForTests['ask'] = async <T>(subject: string, body: unknown, options: Options = {}) => {
    const token = options.token === undefined ? await adminToken() : options.token;
    const sent = natsHeaders();
    if (token) sent.set('Authorization', `Bearer ${token}`);
    for (const [key, value] of Object.entries(options.headers ?? {})) sent.set(key, value);
    const data = typeof body === 'string' ? body : JSON.stringify(body);
    const answer = await bus.request(subject, data, { timeout: options.timeoutMs ?? 40_000, headers: sent });
    const received = Object.fromEntries((answer.headers?.keys() ?? []).map((key) => [key.toLowerCase(), answer.headers!.get(key)]));
    const parsed = answer.json<T & { code?: string }>();
    return { status: Number(received['nats-service-error-code'] ?? 200), code: parsed.code, body: parsed, headers: received };
  };
  const sql: SpindleForTests['sql'] = async <T>(query: string, values: unknown[] = []) => {
    const client = new Client({ connectionString: endpoints.database_url });
    await client.connect();
    try {
      return (await client.query(query, values)).rows as T[];
    } finally {
      await client.end();
    }
  };
  const logIn = async (username: string, password: string) =>
    (await http<{ access_token: string }>('POST', 'auth/login', { username, password }, { token: null })).body.access_token;
  const makeImage = (file: string, bytes = 4 * 1024 * 1024) => {
    const handle = openSync(join(endpoints.image_root, file), 'wx', 0o600);
    ftruncateSync(handle, bytes);
    closeSync(handle);
    spindle.lab.ownImages();
  };
  const made = async <T>(path: string, body: unknown): Promise<T> => {
    const answer = await http<T>('POST', path, body);
    if (answer.status !== 201) throw new Error(`${path}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  await adminToken();
  const add = {
    get admin() {
      return admin;
    },
    http,
    ask,
    bus,
    adminBus,
    sql,
    makeImage,
    tokenOf: async (role: string) => {
      const user = { username: fresh(), password: `${fresh()}-long-enough`, role };
      await made('users', user);
      return logIn(user.username, user.password);
    },
    machine: (name = fresh()) => {
      const mac = [...Array(5)].map(() =>
        Math.floor(Math.random() * 256)
          .toString(16)
          .padStart(2, '0'),
      );
      return made<{ id: string; initiator_iqn: string }>('machines', { name, mac_address: `52:${mac.join(':')}` });
    },
    image: async ({ read_only = false, bytes, file = `${fresh()}.img` } = {} as { read_only?: boolean; bytes?: number; file?: string }) => {
      makeImage(file, bytes);
      return made<{ id: string; file: string }>('images', { name: file, file, read_only });
    },
    kernelTree: async () => (await spindle.lab.exec(TREE_SCRIPT)).stdout,
    end: async () => {
      await bus.close();
      await adminBus.close();
      await spindle.stop();
    },
  };
  return Object.defineProperties(add as unknown as SpindleForTests, Object.getOwnPropertyDescriptors(spindle));
};

/** Statistics count, info and an ACL's param show sessions, control files cannot be read, and the first targetcli sets dbroot. */
const TREE_SCRIPT = `cd /sys/kernel/config/target
find . -type d \\( -name statistics -o -name fabric_statistics -o -path '*/acls/*/param' \\) -prune -o -type d -print -o -type l -printf '%p -> %l\\n' | sort
find . -type d \\( -name statistics -o -name fabric_statistics -o -path '*/acls/*/param' \\) -prune -o -type f ! -name info ! -name control ! -name hba_info ! -name dbroot -print0 |
  xargs -0 grep -sH '' | sort`;

/** Asks until `check` holds; what it last saw stands in the error. */
export const eventually = async <T>(look: () => Promise<T>, check: (seen: T) => boolean, withinMs = 20_000): Promise<T> => {
  const until = Date.now() + withinMs;
  for (;;) {
    const seen = await look().catch((error: unknown) => error as T);
    if (!(seen instanceof Error) && check(seen)) return seen;
    if (Date.now() > until)
      throw new Error(
        `not within ${withinMs} ms; last seen: ${(seen instanceof Error ? seen.message : JSON.stringify(seen)).slice(0, 4_000)}`,
      );
    await new Promise((done) => setTimeout(done, 100));
  }
};

/** Processes that work in a folder below `dir`: a server's children too, which lead sessions of their own. */
export const processesIn = (dir: string): number[] =>
  readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .flatMap((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`).startsWith(dir) ? [Number(pid)] : [];
      } catch {
        return [];
      }
    });

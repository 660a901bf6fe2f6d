import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, Events } from 'nats';
import { haveEnded, runElsewhere, withTakenPort } from '../test/other-process';
import { startNats, type RunningNats } from './nats';
import { PortTaken } from './ports';

const user = 'spindle';
const password = 'a "quoted" \\ password';
const log = (): void => undefined;
jest.setTimeout(30_000);

let root: string;
let dataDir: string;
let server: RunningNats;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'spindle-nats-'));
  dataDir = join(root, 'data');
  server = await startNats({ dataDir, user, password, log });
});

afterAll(async () => {
  await server?.stop();
  rmSync(root, { recursive: true, force: true });
});

describe('the embedded NATS server', () => {
  it('keeps its streams over a SIGKILL and comes back on its port', async () => {
    const connection = await connect({ servers: server.url, user, pass: password, maxReconnectAttempts: -1, reconnectTimeWait: 20 });
    const manager = await connection.jetstreamManager();
    await manager.streams.add({ name: 'KEPT', subjects: ['kept'] });
    await connection.jetstream().publish('kept');
    const statuses = connection.status()[Symbol.asyncIterator]();

    await server.kill();
    server = await startNats({ dataDir, port: server.port, user, password, log });

    while ((await statuses.next()).value?.type !== Events.Reconnect);
    expect((await manager.streams.info('KEPT')).state.messages).toBe(1);
    await connection.close();
  });

  it('lets nobody in without the password, which no process list shows', async () => {
    await expect(connect({ servers: server.url, user, pass: 'wrong' })).rejects.toThrow('Authorization Violation');
    expect(readFileSync(`/proc/${server.pid}/cmdline`, 'utf8')).not.toContain('quoted');
    expect(statSync(join(dataDir, 'nats.conf')).mode & 0o777).toBe(0o600);
  });

  it('says which named port is taken', async () => {
    await withTakenPort(async (port) => {
      const start = startNats({ dataDir: join(root, 'other'), port, user, password, log });

      await expect(start).rejects.toThrow(PortTaken);
    });
  });

  it('ends when its starter is killed with SIGKILL', async () => {
    const options = `{ dataDir: ${JSON.stringify(join(root, 'elsewhere'))}, user: 'u', password: 'p', log() {} }`;
    const { starter, said } = await runElsewhere(`console.log((await embedded.startNats(${options})).pid);`);

    starter.kill('SIGKILL');

    expect(await haveEnded([Number(said)])).toBe(true);
  });
});

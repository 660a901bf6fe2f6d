import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { haveEnded, runElsewhere, withTakenPort } from '../test/other-process';
import { holdLogin, inquire, qemuIo, readCapacity, type Login } from './initiator';
import { PortTaken, claimPort } from './ports';
import { projectRoot } from './project-root';
import { startStorageLab, type StorageLab, type StorageLabOptions } from './storage-lab';

jest.setTimeout(60_000);

const iqn = 'iqn.2025-01.io.spindle:t1';
const initiator = 'iqn.2025-01.io.spindle:m-1';
const secret = 'do-not-show-this';
let root: string;
let options: StorageLabOptions;
let lab: StorageLab;

/** A checkout whose executor answers on its health port and prints its secret's length and its user. */
function makeProject(folder: string): string {
  const place = join(folder, 'dist/storage-node-executor');
  mkdirSync(place, { recursive: true });
  symlinkSync(join(projectRoot(), 'libs'), join(folder, 'libs'));
  writeFileSync(
    join(place, 'main.js'),
    `console.log('secret of ' + process.env.SECRET.length + ', user ' + process.getuid());
     require('node:http').createServer((_, answer) => answer.end('well')).listen(process.env.HEALTH_PORT, process.env.HEALTH_ADDRESS);
     process.on('SIGTERM', () => process.exit(0));`,
  );
  writeFileSync(join(place, 'root-main.js'), "console.log('root part of user ' + process.getuid()); setInterval(() => undefined, 1000);");
  return folder;
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'spindle-lab-'));
  chmodSync(root, 0o711);
  options = {
    dir: join(root, 'lab'),
    imageRootHostDir: join(root, 'images'),
    projectRoot: makeProject(join(root, 'project')),
    executorEnv: { SECRET: secret },
    log: () => undefined,
  };
  lab = await startStorageLab(options);
});

afterAll(async () => {
  await lab?.stop();
  rmSync(root, { recursive: true, force: true });
});

describe('a script in the storage lab', () => {
  it('returns its code and its output', async () => {
    const result = await lab.exec('echo one; echo two >&2; exit 3');

    expect(result).toEqual({ code: 3, stdout: 'one\n', stderr: 'two\n' });
  });

  it('runs beside others', async () => {
    const started = Date.now();

    const results = await Promise.all(Array.from({ length: 6 }, (_, n) => lab.exec(`sleep 1; echo ${n}`)));

    expect(results.map(({ stdout }) => stdout.trim())).toEqual(['0', '1', '2', '3', '4', '5']);
    expect(Date.now() - started).toBeLessThan(4000);
  });

  it('brings home output of megabytes unchanged', async () => {
    const { stdout } = await lab.exec('seq 1 300000');

    expect(stdout.length).toBe(1_988_895);
    expect(stdout.endsWith('\n299999\n300000\n')).toBe(true);
  });

  it('is ended with its children when it takes too long', async () => {
    await expect(lab.exec('sleep 4321 & wait', { timeoutMs: 300 })).rejects.toThrow('did not end within 300 ms');

    expect((await lab.exec('pgrep -f "sleep 4321" || ps ax | grep "[s]leep 4321"')).stdout).toBe('');
  });
});

describe('targetcli in the storage lab', () => {
  let login: Login;

  beforeAll(async () => {
    const image = join(options.imageRootHostDir, 'disk.img');
    writeFileSync(image, '');
    truncateSync(image, 64 * 2 ** 20);
    lab.ownImages();
    login = { portal: lab.portal, iqn, initiator };
    const { stderr, stdout } = await lab.exec(`targetcli <<-END
      set global auto_add_default_portal=false auto_save_on_exit=false
      /backstores/fileio create name=disk file_or_dev=/data/images/disk.img write_back=false
      /iscsi create ${iqn}
      /iscsi/${iqn}/tpg1/portals create 10.0.2.15 3260
      /iscsi/${iqn}/tpg1/luns create /backstores/fileio/disk
      /iscsi/${iqn}/tpg1/acls create ${initiator}
	END`);
    if (!stdout.includes('Created mapped LUN 0')) throw new Error(stdout + stderr);
  });

  it('makes a target that the right initiator can read', async () => {
    expect(await inquire(login)).toMatchObject({ vendor: 'LIO-ORG', product: 'disk' });
    expect(await readCapacity(login)).toEqual({ bytes: 64 * 2 ** 20, blockBytes: 512 });
  });

  it('makes a target that refuses an initiator without an ACL', async () => {
    await expect(inquire({ ...login, initiator: `${initiator}-other` })).rejects.toThrow('Authorization failure(514)');
  });

  it('makes a target whose writes arrive in the image on the host', async () => {
    await qemuIo(login, ['write -P 0xab 1M 1M', 'read -P 0xab 1M 1M']);

    const written = readFileSync(join(options.imageRootHostDir, 'disk.img')).subarray(2 ** 20, 2 * 2 ** 20);
    expect(written.equals(Buffer.alloc(2 ** 20, 0xab))).toBe(true);
    await expect(qemuIo(login, ['read -P 0xcd 1M 1M'])).rejects.toThrow('Pattern verification failed');
  });

  it('makes a target whose kernel object shows a login as long as it is held', async () => {
    const session = `cat /sys/kernel/config/target/iscsi/${iqn}/tpgt_1/acls/${initiator}/info`;

    const held = await holdLogin(login);
    expect((await lab.exec(session)).stdout).toContain('TARG_SESS_STATE_LOGGED_IN');
    await held.release();

    const ended = `for try in $(seq 50); do ${session} | grep -q 'No active' && exit 0; sleep 0.1; done; exit 1`;
    expect((await lab.exec(ended)).code).toBe(0);
  });
});

describe('the executor in the storage lab', () => {
  it('is reached on its health port from the host, can be killed and started again', async () => {
    await lab.startExecutor();
    expect(await health()).toBe('well');

    await lab.killExecutor('SIGKILL');
    expect(lab.executorIsRunning()).toBe(false);
    await lab.startExecutor();

    expect(await health()).toBe('well');
    await lab.stopExecutor();
    expect(lab.executorIsRunning()).toBe(false);
  });

  it('is two processes of two users, of which each can be killed alone and started again', async () => {
    const pid = await lab.startExecutor();
    expect(await health()).toBe('well');
    const log = readFileSync(join(options.dir, 'executor.log'), 'utf8');

    await lab.killExecutor('SIGKILL', ['bus']);
    expect(lab.executorIsRunning()).toBe(false);
    expect(await lab.startExecutor()).toBe(pid);
    expect(await health()).toBe('well');
    await lab.killExecutor('SIGKILL', ['root']);
    expect(await lab.startExecutor()).not.toBe(pid);

    expect(log).toContain('root part of user 0');
    expect(log).toContain(`secret of ${secret.length}, user 65534`);
    await lab.stopExecutor();
  });

  it('gets its secrets by a file: they are neither on the kernel line nor in a log', () => {
    expect(readFileSync(join(options.dir, 'executor.log'), 'utf8')).toContain(`secret of ${secret.length}`);
    expect(readFileSync(`/proc/${lab.pid}/cmdline`, 'utf8')).not.toContain(secret);
    expect(readFileSync(join(options.dir, 'console.log'), 'utf8')).not.toContain(secret);
  });

  async function health(): Promise<string> {
    for (let tries = 100; ; tries--) {
      // With a limit: under jest, fetch may never hear of a connection that was closed as soon as it was made.
      const answer = await fetch(lab.healthUrl, { signal: AbortSignal.timeout(1000) }).then(
        (response) => response.text(),
        () => undefined,
      );
      if (answer !== undefined || tries === 0) return answer ?? 'unreachable';
      await sleep(100);
    }
  }
});

describe('a storage lab', () => {
  it('keeps what was flushed, and loses its targets, when its power is cut', async () => {
    await lab.exec('echo flushed >/var/lib/spindle/note; sync /var/lib/spindle/note; echo lost >/run/note');

    await lab.powerCut();
    lab = await startStorageLab({ ...options, portalPort: lab.portal.port });

    const { stdout } = await lab.exec('cat /var/lib/spindle/note /run/note 2>/dev/null; ls /sys/kernel/config/target/iscsi');
    expect(stdout).toContain('flushed\n');
    expect(stdout).not.toContain('lost');
    expect(stdout).not.toContain(iqn);
  });

  it('does not run as root when an unprivileged user can reach its folders', () => {
    const uid = Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${lab.pid}/status`, 'utf8'))?.[1]);

    expect(uid).toBe(process.getuid?.() === 0 ? 65534 : process.getuid?.());
  });

  it('ends with all its processes when its starter is killed with SIGKILL, and boots again on its folder beside another lab', async () => {
    const second = { dir: join(root, 'second'), imageRootHostDir: join(root, 'second-images'), projectRoot: options.projectRoot };
    const start = `const lab = await embedded.startStorageLab({ ...${JSON.stringify(second)}, log() {} }); console.log(JSON.stringify([lab.pid, lab.portal.port]));`;
    const { starter, said } = await runElsewhere(start);
    const [pid = 0, portalPort] = JSON.parse(said) as [number, number];
    const group = groupOf(pid);
    expect(group.length).toBeGreaterThan(3);

    starter.kill('SIGKILL');
    expect(await haveEnded(group)).toBe(true);
    const again = await startStorageLab({ ...second, portalPort, log: () => undefined });

    expect((await again.exec('targetcli ls /iscsi')).stdout).toContain('Targets: 0');
    await again.stop();
    expect((await lab.exec('echo here')).stdout).toBe('here\n');
  });

  it('says which named port is taken', async () => {
    await withTakenPort(async (portalPort) => {
      const start = startStorageLab({ ...options, dir: join(root, 'third'), portalPort });

      await expect(start).rejects.toThrow(PortTaken);
    });
  });

  it('gives up when somebody takes its named port while it boots, and keeps it', async () => {
    const [dir, portalPort] = [join(root, 'fourth'), await claimPort('a port that is lost')];
    const start = startStorageLab({ ...options, dir, portalPort }).catch((error: unknown) => error);
    // opened between the look at the port and the kernel's own bind
    while (!existsSync(join(dir, 'console.log'))) await sleep(1);
    const other = createServer().listen(portalPort, '127.0.0.1');

    expect(await start).toBeInstanceOf(PortTaken);
    other.close();
  });

  it('that cannot boot shows the end of its console', async () => {
    const broken = { ...options, dir: join(root, 'broken'), memMb: 8 };

    await expect(startStorageLab(broken)).rejects.toThrow(/The storage lab did not start: .*console:\n.+/s);
  }, 70_000);
});

/** vde_plug and the processes of the guest are members of the kernel's group. */
function groupOf(leader: number): number[] {
  const stat = (pid: string): string[] | undefined => {
    try {
      return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ');
    } catch {
      return undefined;
    }
  };
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => stat(pid)?.[2] === String(leader)).map(Number);
}

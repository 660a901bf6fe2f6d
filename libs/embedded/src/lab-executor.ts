import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { controlFolder, environmentFile } from './lab-folders';
import { healthPortInLab, labAddresses, portalPortInLab } from './lab-kernel';
import type { LabShell } from './lab-shell';
import { writePrivately } from './private-file';
import type { Owner } from './unprivileged';

const startLimitMs = 20_000;
const stopGraceSeconds = 5;

export type ExecutorPlace = {
  dir: string;
  projectRoot: string;
  owner: Owner | undefined;
  environment: Record<string, string>;
  natsSeedFile: string | undefined;
  log: (line: string) => void;
};

/** The storage-node-executor as a process of the lab. Its output is `<dir>/executor.log` on the host. */
export class ExecutorInLab {
  private running = false;
  private mayEnd = true;
  private restarts = false;
  private lastExtra: Record<string, string> = {};

  constructor(
    private readonly shell: LabShell,
    private readonly place: ExecutorPlace,
  ) {
    shell.onExecutorEnd = (code) => this.hasEnded(code);
  }

  /** From now on it is started again one second after it ended by itself. */
  keepRunning(): void {
    this.restarts = true;
  }

  private hasEnded(code: number): void {
    this.running = false;
    if (this.mayEnd) return;
    this.place.log(`storage executor: ended by itself with code ${code}; its last words are in ${join(this.place.dir, 'executor.log')}`);
    if (!this.restarts) return;
    setTimeout(() => {
      if (!this.mayEnd) this.start(this.lastExtra).catch((error: Error) => this.place.log(error.message));
    }, 1000).unref();
  }

  /** Resolves with its process id inside the lab as soon as it runs, long before it is ready. */
  async start(extra: Record<string, string> = {}): Promise<number> {
    if (this.running) throw new Error('the storage executor could not be started: it is running already');
    const { dir, projectRoot, owner, environment } = this.place;
    const main = join(projectRoot, 'dist/apps/storage-node-executor/src/main.js');
    const program = environmentFile({ EXECUTOR_DIR: projectRoot, EXECUTOR_NODE: process.execPath, EXECUTOR_MAIN: main });
    const proof = this.giveSeed();
    writePrivately(join(controlFolder(dir), 'executor.env'), environmentFile({ ...environment, ...proof, ...extra }), owner);
    this.running = true; // its end may be told before its start is
    const { code, stdout, stderr } = await this.shell.run(program + startScript, startLimitMs);
    if (code !== 0) {
      this.running = false;
      throw new Error(`the storage executor could not be started: ${stderr.trim()}`);
    }
    this.mayEnd = false;
    this.lastExtra = extra;
    return Number(stdout);
  }

  private giveSeed(): Record<string, string> {
    const { dir, natsSeedFile, owner } = this.place;
    if (natsSeedFile === undefined) return {};
    writePrivately(join(controlFolder(dir), 'nats.seed'), readFileSync(natsSeedFile, 'utf8'), owner);
    return { NATS_NKEY_SEED_FILE: '/run/control/nats.seed' };
  }

  async stop(): Promise<void> {
    this.mayEnd = true;
    await this.shell.run(stopScript, (stopGraceSeconds + 5) * 1000);
    this.running = false; // also after a start of which nobody knows what became
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    const gone = signal === 'SIGKILL' ? '; while [ -e /run/executor.pid ]; do sleep 0.02; done' : '';
    const script = `kill -s ${signal.replace(/^SIG/, '')} "$(cat /run/executor.pid)" || exit 1${gone}`;
    const { code, stderr } = await this.shell.run(script, startLimitMs);
    if (code !== 0) throw new Error(`the storage executor was not signalled: ${stderr.trim()}`);
  }

  /** Known here: to ask the lab would cost it a process. */
  isRunning(): boolean {
    return this.running;
  }
}

/** What fits every lab; the caller's own settings are stronger. */
export function defaultExecutorEnvironment(portalPort: number, natsPort: number | undefined): Record<string, string> {
  return {
    HOME: '/run/home',
    TARGETCLI_HOME: '/var/lib/spindle/targetcli',
    STATE_DIR: '/var/lib/spindle',
    IMAGE_ROOT: '/data/images',
    ISCSI_PORTAL_ADDRESS: labAddresses.portal,
    ISCSI_PORTAL_PORT: String(portalPortInLab),
    ISCSI_ADVERTISED_ADDRESS: '127.0.0.1',
    ISCSI_ADVERTISED_PORT: String(portalPort),
    HEALTH_ADDRESS: labAddresses.health,
    HEALTH_PORT: String(healthPortInLab),
    ...(natsPort === undefined ? {} : { NATS_URL: `nats://${labAddresses.host}:${natsPort}` }),
  };
}

// The parent shell waits for the executor, so that it never stays a zombie and its pid file goes with it, after its end was told: who
// waits for the file to go knows that we know.
const startScript = `
while [ -e /run/executor.pid ]; do sleep 0.02; done
cd "$EXECUTOR_DIR" || exit 1
( set -a; . /run/control/executor.env; set +a
  setsid "$EXECUTOR_NODE" "$EXECUTOR_MAIN" </dev/null >/dev/ttyS1 2>&1 &
  echo $! >/run/executor.tmp; mv /run/executor.tmp /run/executor.pid
  wait $!; code=$?
  echo "executor $code" >/dev/ttyS0
  rm -f /run/executor.pid
) </dev/null >/dev/null 2>&1 &
while [ ! -e /run/executor.pid ]; do sleep 0.02; done
cat /run/executor.pid
`;

const stopScript = `
pid=$(cat /run/executor.pid 2>/dev/null) || exit 0
kill -TERM "$pid"
left=$((${stopGraceSeconds} * 20))
while [ -e /run/executor.pid ] && [ $left -gt 0 ]; do sleep 0.05; left=$((left - 1)); done
[ -e /run/executor.pid ] && kill -KILL -"$pid"
while [ -e /run/executor.pid ]; do sleep 0.05; done
`;

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { controlFolder, environmentFile } from './lab-folders';
import { healthPortInLab, labAddresses, portalPortInLab } from './lab-kernel';
import type { LabShell } from './lab-shell';
import { writePrivately } from './private-file';
import type { Owner } from './unprivileged';

const startLimitMs = 20_000;
const stopGraceSeconds = 5;
const pidFiles = { root: '/run/executor.pid', bus: '/run/executor-bus.pid' };
/** "nobody" of the lab. */
const busUser = 65534;

export type ExecutorPlace = {
  dir: string;
  projectRoot: string;
  owner: Owner | undefined;
  environment: Record<string, string>;
  natsSeedFile: string | undefined;
  log: (line: string) => void;
};

/** The executor's two processes: `root` changes the kernel, `bus` is on NATS and may do nothing here. */
export type ExecutorPart = 'root' | 'bus';
const parts: ExecutorPart[] = ['root', 'bus'];

/** The storage-node-executor as two processes of the lab. Their output is `<dir>/executor.log` on the host. */
export class ExecutorInLab {
  private readonly running = new Set<ExecutorPart>();
  private mayEnd = true;
  private restarts = false;
  private lastExtra: Record<string, string> = {};

  constructor(
    private readonly shell: LabShell,
    private readonly place: ExecutorPlace,
  ) {
    shell.onExecutorEnd = (part, code) => this.hasEnded(part, code);
  }

  /** From now on each part is started again one second after it ended by itself. */
  keepRunning(): void {
    this.restarts = true;
  }

  private hasEnded(part: ExecutorPart, code: number): void {
    this.running.delete(part);
    if (this.mayEnd) return;
    const log = join(this.place.dir, 'executor.log');
    this.place.log(`storage executor: its ${part} part ended by itself with code ${code}; its last words are in ${log}`);
    if (!this.restarts) return;
    setTimeout(() => {
      if (!this.mayEnd && !this.isRunning()) this.start(this.lastExtra).catch((error: Error) => this.place.log(error.message));
    }, 1000).unref();
  }

  /** Starts what does not run. Resolves with the root part's process id inside the lab as soon as both run, long before they are ready. */
  async start(extra: Record<string, string> = {}): Promise<number> {
    const missing = parts.filter((part) => !this.running.has(part));
    if (missing.length === 0) throw new Error('the storage executor could not be started: it is running already');
    const { dir, projectRoot, owner, environment } = this.place;
    const program = environmentFile({
      EXECUTOR_DIR: projectRoot,
      EXECUTOR_NODE: process.execPath,
      EXECUTOR_MAIN: join(projectRoot, 'dist/storage-node-executor'),
      EXECUTOR_PARTS: missing.join(' '),
    });
    const proof = this.giveSeed();
    writePrivately(join(controlFolder(dir), 'executor.env'), environmentFile({ ...environment, ...proof, ...extra }), owner);
    missing.forEach((part) => this.running.add(part)); // its end may be told before its start is
    const { code, stdout, stderr } = await this.shell.run(program + startScript, startLimitMs);
    if (code !== 0) {
      missing.forEach((part) => this.running.delete(part));
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
    return { NATS_NKEY_SEED_FILE: '/run/nats.seed' };
  }

  async stop(): Promise<void> {
    this.mayEnd = true;
    await this.shell.run(stopScript, (2 * stopGraceSeconds + 5) * 1000);
    this.running.clear(); // also after a start of which nobody knows what became
  }

  /** What of the named parts runs. */
  async kill(signal: NodeJS.Signals, which: ExecutorPart[] = parts): Promise<void> {
    const files = which.filter((part) => this.running.has(part)).map((part) => pidFiles[part]);
    if (files.length === 0) throw new Error('the storage executor was not signalled: it does not run');
    const gone = signal === 'SIGKILL' ? files.map((file) => `; while [ -e ${file} ]; do sleep 0.02; done`).join('') : '';
    const script = `kill -s ${signal.replace(/^SIG/, '')} $(cat ${files.join(' ')}) || exit 1${gone}`;
    const { code, stderr } = await this.shell.run(script, startLimitMs);
    if (code !== 0) throw new Error(`the storage executor was not signalled: ${stderr.trim()}`);
  }

  /** Whether both parts do. Known here: to ask the lab would cost it a process. */
  isRunning(): boolean {
    return parts.every((part) => this.running.has(part));
  }
}

/** What fits every lab; the caller's own settings are stronger. */
export function defaultExecutorEnvironment(portalPort: number, natsPort: number | undefined): Record<string, string> {
  return {
    HOME: '/run/home',
    TARGETCLI_HOME: '/var/lib/spindle/targetcli',
    STATE_DIR: '/var/lib/spindle',
    EXECUTOR_USER: String(busUser),
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

// A checkout in a folder that is closed to others can be read all the same; nothing else can be written or done with that.
const asBusUser = `setpriv --reuid=${busUser} --regid=${busUser} --clear-groups --no-new-privs`;
const readsAll = '--inh-caps=-all,+dac_read_search --ambient-caps=-all,+dac_read_search --bounding-set=-all,+dac_read_search';

// The parent shell waits for each part, so that it never stays a zombie and its pid file goes with it, after its end was told: who waits
// for the file to go knows that we know. systemd hands the key over likewise: as a copy that the unprivileged user can read.
const startScript = `
cd "$EXECUTOR_DIR" || exit 1
run() {
  part=$1 file=$2; shift 2
  while [ -e $file ]; do sleep 0.02; done
  rm -f $file.started
  ( set -a; . /run/control/executor.env; set +a
    setsid "$@" </dev/null >/dev/ttyS1 2>&1 &
    echo $! >$file; echo $! >$file.started
    wait $!; code=$?
    echo "executor $part $code" >/dev/ttyS0
    rm -f $file
  ) </dev/null >/dev/null 2>&1 &
}
for part in $EXECUTOR_PARTS; do
  case $part in
    root) run root ${pidFiles.root} "$EXECUTOR_NODE" "$EXECUTOR_MAIN/root-main.js" ;;
    bus)
      [ ! -e /run/control/nats.seed ] || install -m 0400 -o ${busUser} /run/control/nats.seed /run/nats.seed
      if ${asBusUser} test -r "$EXECUTOR_MAIN/main.js" -a -x "$EXECUTOR_NODE"; then more=; else more='${readsAll}'; fi
      run bus ${pidFiles.bus} ${asBusUser} $more "$EXECUTOR_NODE" "$EXECUTOR_MAIN/main.js" ;;
  esac
done
while [ ! -e ${pidFiles.root}.started ] || [ ! -e ${pidFiles.bus}.started ]; do sleep 0.02; done
cat ${pidFiles.root}.started
`;

// The root part first, so that its last words are passed on.
const stopScript = `
stop() {
  pid=$(cat $1 2>/dev/null) || return 0
  kill -TERM "$pid"
  left=$((${stopGraceSeconds} * 20))
  while [ -e $1 ] && [ $left -gt 0 ]; do sleep 0.05; left=$((left - 1)); done
  [ -e $1 ] && kill -KILL -"$pid"
  while [ -e $1 ]; do sleep 0.05; done
}
stop ${pidFiles.root}
stop ${pidFiles.bus}
`;

import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ChapCredentials, TargetResponse } from '#contracts';
import { holdLogin, projectRoot, qemuIo, type Login } from '#embedded';
import { startSpindle } from '../../apps/all-in-one/src/start-spindle';
import { CHECKPOINT_FILE } from '../../apps/all-in-one/src/back-up';
import { equip, type SpindleForTests } from '../harness/spindle-for-tests';

export const KINDS = ['same', 'restarted', 'rotated', 'edited', 'deleted'] as const;
/** What becomes of a target between the backup and the loss. */
export type Kind = (typeof KINDS)[number];

export interface Made {
  kind: Kind | 'orphan';
  target: TargetResponse;
  chap?: ChapCredentials;
}

const SETTINGS = { AUDIT_CHECKPOINT_SECONDS: '1', REPORT_INTERVAL_MS: '500', DRIFT_SCAN_MS: '1000', LOG_LEVEL: 'info' };
const prefer = { headers: { prefer: 'wait=25' } };
const quiet = () => undefined;

/** A place with a storage node whose kernel outlives the control plane: that has a folder of its own, which can be lost. */
export class Site {
  readonly root = join(projectRoot(), '.spindle/tests', `restore-${process.pid}`);
  readonly dataDir = join(this.root, 'lost');
  readonly restoredDir = join(this.root, 'restored');
  readonly backup = join(this.root, 'backup');
  readonly collected = join(this.root, 'collected-heads.txt');
  readonly made: Made[] = [];
  spindle: SpindleForTests;
  private held: { login: Login; session: string; release(): Promise<void> }[] = [];

  async start(): Promise<void> {
    rmSync(this.root, { recursive: true, force: true });
    mkdirSync(this.root, { recursive: true });
    const options = { dataDir: this.dataDir, nodeDir: join(this.root, 'node'), usualPorts: false, durable: false, say: quiet };
    this.spindle = await equip(await startSpindle({ ...options, settings: SETTINGS }));
  }

  /** The control plane anew, on the restored folder; the node is the one that ran on. */
  async startRestored(): Promise<void> {
    const { lab, nats } = this.spindle;
    const settings = { ...SETTINGS, RECONCILE: 'plan' };
    const options = { dataDir: this.restoredDir, nodeDir: join(this.root, 'node'), usualPorts: false, durable: false, say: quiet };
    this.spindle = await equip(await startSpindle({ ...options, lab, natsPort: nats.port, settings }));
  }

  async end(): Promise<void> {
    await Promise.all(this.held.map(({ release }) => release()));
    await this.spindle?.end();
    rmSync(this.root, { recursive: true, force: true });
  }

  async sh(script: string): Promise<string> {
    const { code, stdout, stderr } = await this.spindle.lab.exec(script);
    if (code !== 0) throw new Error(`${script}\n${stdout}${stderr}`);
    return stdout.trim();
  }

  async must<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.spindle.http<T>(method, path, body, prefer);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  async create(kind: Made['kind'], chap?: object, on?: { machine_id: string; image_id: string }): Promise<Made> {
    const what = on ?? { machine_id: (await this.spindle.machine()).id, image_id: (await this.spindle.image()).id };
    const { chap_credentials, ...target } = await this.must<TargetResponse>('POST', 'targets', { ...what, ...(chap ? { chap } : {}) });
    if (target.status !== 'ACTIVE') throw new Error(`a target could not be made: ${JSON.stringify(target.last_error)}`);
    return { kind, target, ...(chap_credentials ? { chap: chap_credentials } : {}) };
  }

  /** A third of them with CHAP, and of those every second with that of both sides. */
  async makeTargets(count: number): Promise<void> {
    for (let at = 0; at < count; at++) {
      const kind = KINDS[at % KINDS.length]!;
      const chap = kind === 'rotated' ? {} : at % 3 === 0 ? { mutual: at % 2 === 0 } : undefined;
      this.made.push(await this.create(kind, chap));
    }
  }

  loginOf({ target, chap }: Made): Login {
    const { iqn, initiator_iqn: initiator } = target;
    return { portal: this.spindle.lab.portal, iqn, initiator, ...(chap && { chap: { user: chap.username, password: chap.secret } }) };
  }

  /** Machines at work: logged in, with something of theirs on the disk. */
  async logIn(which: Made[]): Promise<void> {
    for (const made of which) {
      const login = this.loginOf(made);
      await qemuIo(login, ['write -P 0x5a 0 64k']);
      const { release } = await holdLogin(login);
      this.held.push({ login, session: await this.session(login), release });
    }
  }

  /** What a machine would have noticed: another session than its first, or other bytes. */
  async noticed(): Promise<string[]> {
    const lost: string[] = [];
    for (const { login, session } of this.held)
      if ((await this.session(login).catch(() => 'none')) !== session) lost.push(`${login.iqn} has another session than before`);
    return lost;
  }

  get loggedIn(): number {
    return this.held.length;
  }

  async logOut(): Promise<void> {
    await Promise.all(this.held.map(({ release }) => release()));
    this.held = [];
  }

  private session({ iqn, initiator }: Login): Promise<string> {
    return this.sh(`grep 'Session ID' /sys/kernel/config/target/iscsi/${iqn}/tpgt_1/acls/${initiator}/info`);
  }

  /** As if the machine of the control plane were gone: whoever collects heads has theirs, the node and the machines go on. */
  async loseControlPlane(): Promise<void> {
    const { spindle } = this;
    copyFileSync(join(this.dataDir, CHECKPOINT_FILE), this.collected);
    await spindle.bus.close();
    await spindle.adminBus.close();
    await Promise.all([...Object.values(spindle.services).map((service) => service.kill()), spindle.postgres.kill(), spindle.nats.kill()]);
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}

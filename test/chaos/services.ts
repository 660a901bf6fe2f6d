import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SpindleForTests } from '../harness/spindle-for-tests';

export type ServiceName = 'gateway' | 'targets-service' | 'audit-service' | 'storage-node-executor';
export const SERVICES: ServiceName[] = ['gateway', 'targets-service', 'audit-service', 'storage-node-executor'];

const READY_LIMIT_MS = 60_000;

/** One service of a Spindle, wherever it runs: three are processes beside us, the executor is two in the storage lab, hurt and started together. */
export class Service {
  constructor(
    private readonly spindle: SpindleForTests,
    readonly name: ServiceName,
  ) {}

  /** Resolves when it is ready, or dead already: an armed one may not live that long. */
  async start(env: Record<string, string> = {}): Promise<void> {
    if (this.name === 'storage-node-executor') {
      await this.spindle.lab.startExecutor(env);
      await untilReady(this.spindle, this.name, () => this.isRunning());
    } else
      await this.spindle.services[this.name].start(env).catch((error: unknown) => {
        if (!env['SPINDLE_CRASH_POINT']) throw error;
      });
  }

  async kill(): Promise<void> {
    if (this.name !== 'storage-node-executor') return this.spindle.services[this.name].kill();
    if (await this.isRunning()) await this.spindle.lab.killExecutor();
  }

  async signal(signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    if (this.name === 'storage-node-executor') await this.spindle.lab.killExecutor(signal);
    else this.spindle.services[this.name].signal(signal);
  }

  async isRunning(): Promise<boolean> {
    return this.name === 'storage-node-executor' ? this.spindle.lab.executorIsRunning() : this.spindle.services[this.name].isRunning();
  }

  /** A setting that it was started with; of the three beside us only. */
  setting(name: string): string {
    if (this.name === 'storage-node-executor') throw new Error('its settings are in the lab');
    const { pid } = this.spindle.services[this.name];
    const settings = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    const found = settings.find((line) => line.startsWith(`${name}=`));
    if (found === undefined) throw new Error(`${this.name} was started without ${name}`);
    return found.slice(name.length + 1);
  }
}

/** Until it says so itself; `alive` ends the wait early. */
export const untilReady = async (spindle: SpindleForTests, name: ServiceName, alive = async () => true): Promise<void> => {
  const url = `${spindle.endpoints.health_urls[name]}/readyz`;
  for (const until = Date.now() + READY_LIMIT_MS; Date.now() < until; await sleep(100)) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(3_000) }).catch(() => undefined);
    if (answer?.ok || !(await alive())) return;
  }
  throw new Error(`${name} was not ready within ${READY_LIMIT_MS / 1_000} s`);
};

export const untilAllReady = (spindle: SpindleForTests): Promise<unknown> => Promise.all(SERVICES.map((name) => untilReady(spindle, name)));

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeUser } from '#contracts';
import { projectRoot, startNats, startPostgres, startStorageLab, type RunningNats, type RunningPostgres, type StorageLab } from '#embedded';
import { startOnPort } from './choose-port';
import type { Credentials } from './credentials';
import type { SpindleOptions } from './start-spindle';

export const NODE_ID = 'lab-1';

/** Postgres, NATS and the storage node, each to be killed and started again on its port and its data. */
export class Servers {
  postgres: RunningPostgres;
  nats: RunningNats;
  lab: StorageLab;
  readonly imageRoot: string;

  constructor(
    private readonly options: SpindleOptions,
    private readonly credentials: Credentials,
  ) {
    this.imageRoot = join(options.nodeDir ?? options.dataDir, 'images');
  }

  async start(): Promise<void> {
    const { natsPort, portalPort, usualPorts = true } = this.options;
    mkdirSync(this.imageRoot, { recursive: true });
    this.postgres = await this.startDatabase();
    const bus = { purpose: 'NATS', usual: usualPorts ? 4222 : undefined, named: natsPort };
    this.nats = await startOnPort(bus, (port) => this.startBus(port));
    const node = { purpose: 'iSCSI portal', usual: usualPorts ? 3260 : undefined, named: portalPort };
    this.lab = this.options.lab ?? (await startOnPort(node, (port) => this.startNode(port)));
  }

  async stop(): Promise<void> {
    await this.lab?.stop();
    await this.nats?.stop();
    await this.postgres?.stop();
  }

  /** Kills it as a crash does, and starts it on the same port. */
  async restartPostgres(downMs = 0): Promise<void> {
    const { port } = this.postgres;
    await this.postgres.kill();
    await sleep(downMs);
    this.postgres = await this.startDatabase(port);
  }

  async restartNats(downMs = 0): Promise<void> {
    const { port } = this.nats;
    await this.nats.kill();
    await sleep(downMs);
    this.nats = await this.startBus(port);
  }

  /** Cuts the power and boots on the same disks. */
  async rebootLab(): Promise<void> {
    const { port } = this.lab.portal;
    await this.lab.powerCut();
    this.lab = await this.startNode(port);
    await this.lab.startExecutor();
  }

  private startDatabase(port?: number): Promise<RunningPostgres> {
    const { dataDir, durable, say } = this.options;
    return startPostgres({ dataDir: join(dataDir, 'postgres'), port, durable, log: say });
  }

  private startBus(port: number): Promise<RunningNats> {
    return startNats({ dataDir: join(this.options.dataDir, 'nats'), port, who: this.credentials.bus, log: this.options.say });
  }

  private startNode(portalPort: number): Promise<StorageLab> {
    const { dataDir, nodeDir = dataDir, logLevel = 'info', settings, say } = this.options;
    return startStorageLab({
      dir: join(nodeDir, 'lab'),
      imageRootHostDir: this.imageRoot,
      projectRoot: projectRoot(),
      natsPort: this.nats.port,
      portalPort,
      natsSeedFile: this.credentials.bus.seedFile(nodeUser(NODE_ID)),
      executorEnv: {
        NODE_ID,
        LOG_LEVEL: logLevel,
        ...settings,
      },
      log: say,
    });
  }
}

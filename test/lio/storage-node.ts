import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ApplyReply,
  InspectImageReply,
  NodeReport,
  NodeStatusReply,
  Refused,
  WishesRequest,
  chapSubject,
  nodeSubject,
  type NodeReportReply,
  type NodeVerb,
  type TargetWish,
  type WishesReply,
} from '#contracts';
import { projectRoot, startNats, startStorageLab, type RunningNats, type StorageLab, type StorageLabOptions } from '#embedded';
import { ask, connectBus, type Bus } from '#messaging';
import { createLog, newId, readPublicKey, sealBox } from '#runtime';

const NODE_ID = 'node-under-test';
export const IMAGE_BYTES = 8 * 1024 * 1024;
export const PREFIX = 'iqn.2025-01.io.spindle';

/** In the lab. */
export const MISBEHAVING = '/run/fault/targetcli';

/** This process is the node's writer. */
export const GRANTED: NodeReportReply = { accepted: true, lease_ms: 10_000, reason: null, held: false };

export type Wish = ReturnType<typeof wishFor>;

/** A whole wish; `image` names the file and decides the disk id, so that two wishes for one image share a backstore. */
export const wishFor = (image: { id: string; file: string }, more: { readOnly?: boolean; targetId?: string } = {}) => {
  const target_id = more.targetId ?? newId();
  return {
    target_id,
    generation: 1,
    state: 'present' as 'present' | 'absent',
    iqn: `${PREFIX}:${target_id}`,
    initiator_iqn: `${PREFIX}:m-${target_id}`,
    lun: 0,
    disk: { disk_id: image.id, image_file: image.file, size_bytes: IMAGE_BYTES, read_only: more.readOnly ?? false },
    if_idle: false,
    confirmed: false,
    chap: null as TargetWish['chap'],
  };
};

/** One storage lab with the built executor in it, and NATS beside it: what these tests speak with is what targets-service speaks with. */
export class StorageNode {
  readonly reports: NodeReport[] = [];
  /** What reports are answered with: null is nothing at all. */
  answer: NodeReportReply | null = GRANTED;
  /** The whole wish of the node, as far as a test says; null is no answer. */
  wishes: Wish[] | null = [];

  private constructor(
    public lab: StorageLab,
    private readonly options: StorageLabOptions,
    private readonly nats: RunningNats,
    private readonly bus: Bus,
    private readonly dir: string,
  ) {}

  static async start(): Promise<StorageNode> {
    const dir = mkdtempSync(join(tmpdir(), 'spindle-lio-'));
    const images = join(dir, 'images');
    const nats = await startNats({ dataDir: join(dir, 'nats'), user: 'test', password: 'of-this-test-only', log: () => undefined });
    const options: StorageLabOptions = {
      dir: join(dir, 'lab'),
      imageRootHostDir: images,
      projectRoot: projectRoot(),
      natsPort: nats.port,
      executorEnv: {
        NODE_ID,
        NATS_USER: 'test',
        NATS_PASSWORD: 'of-this-test-only',
        TARGETCLI_LOCK_WAIT_MS: '1000',
        REPORT_INTERVAL_MS: '500',
        LOG_LEVEL: 'debug',
      },
      log: () => undefined,
    };
    const lab = await startStorageLab(options);
    const log = createLog('test', 'silent');
    const bus = await connectBus('test', { NATS_URL: nats.url, NATS_USER: 'test', NATS_PASSWORD: 'of-this-test-only' }, log);
    const node = new StorageNode(lab, options, nats, bus, dir);
    node.actAsTargetsService();
    await node.startExecutor();
    return node;
  }

  /** Starts the executor, again if it runs, and waits until it has reported. */
  async startExecutor(env: Record<string, string> = {}): Promise<void> {
    if (this.lab.executorIsRunning()) await this.lab.stopExecutor();
    this.reports.length = 0;
    await this.lab.startExecutor(env);
    await this.reported((report) => report.status !== 'stopping', 20_000);
    if (this.answer?.accepted) await this.untilGranted();
  }

  /** A report is heard here before its answer is heard there, and until then the executor changes nothing. */
  private async untilGranted(): Promise<void> {
    for (const until = Date.now() + 10_000; Date.now() < until; await sleep(20)) {
      const answer = await fetch(`${this.lab.healthUrl}/readyz`).catch(() => undefined);
      const { dependencies } = ((await answer?.json()) ?? {}) as { dependencies?: Record<string, 'up' | 'down'> };
      if (dependencies?.['targets-service'] === 'up') return;
    }
    throw new Error(`the executor does not hold the node\n${this.executorLog()}`);
  }

  /** What a node does when its power fails and comes back: disks keep what was forced to them, the kernel knows no target. */
  async powerCut(): Promise<void> {
    await this.lab.powerCut();
    this.lab = await startStorageLab({ ...this.options, portalPort: this.lab.portal.port });
  }

  /** The wish with secrets, sealed for the key that the node has reported, as targets-service does it. */
  withChap(wish: Wish, secret: string, mutual_secret: string | null = null, version = 1): Wish {
    const key = readPublicKey(this.reports.at(-1)!.sealing_key!);
    const sealed = sealBox(key, JSON.stringify({ secret, mutual_secret }), chapSubject(NODE_ID, wish.target_id, version));
    return { ...wish, chap: { mode: mutual_secret === null ? 'one-way' : 'mutual', version, sealed } };
  }

  apply(wish: Wish): Promise<ApplyReply> {
    return this.ask('apply', wish, ApplyReply) as Promise<ApplyReply>;
  }

  /** @returns the code and hint that the executor refused with, or the reply's error. */
  async failure(wish: Wish, nodeId = NODE_ID): Promise<{ code: string; step?: string; outcome?: string; text: string }> {
    try {
      const { error, outcome } = (await this.ask('apply', wish, ApplyReply, nodeId)) as ApplyReply;
      return { code: error?.code ?? 'NONE', step: error?.step, outcome, text: error?.message ?? '' };
    } catch (error) {
      if (error instanceof Refused && error.code === 'INTERNAL') throw new Error(this.executorLog());
      if (error instanceof Refused) return { code: error.code, text: error.details.hint ?? '' };
      throw error;
    }
  }

  async live(wish: Wish): Promise<NodeStatusReply['live']> {
    return ((await this.ask('status', { wish }, NodeStatusReply)) as NodeStatusReply).live;
  }

  inspect(file: string): Promise<InspectImageReply> {
    return this.ask('inspect-image', { file }, InspectImageReply) as Promise<InspectImageReply>;
  }

  async reported(is: (report: NodeReport) => boolean, withinMs = 10_000): Promise<NodeReport> {
    for (const until = Date.now() + withinMs; Date.now() < until; await sleep(50)) {
      const found = this.reports.findLast(is);
      if (found) return found;
    }
    throw new Error(`no such report within ${withinMs} ms; the last: ${JSON.stringify(this.reports.at(-1))}\n${this.executorLog()}`);
  }

  /** Makes an image file of IMAGE_BYTES on the node. */
  image(name = `${newId()}.img`): { id: string; file: string } {
    writeFileSync(this.imagePath(name), '', { mode: 0o600 });
    truncateSync(this.imagePath(name), IMAGE_BYTES);
    this.lab.ownImages();
    return { id: newId(), file: name };
  }

  imagePath(file: string): string {
    return join(this.dir, 'images', file);
  }

  /** Runs a script in the lab. @throws Error when it fails */
  async sh(script: string): Promise<string> {
    const { code, stdout, stderr } = await this.lab.exec(script);
    if (code !== 0) throw new Error(`exit ${code}: ${script}\n${stdout}${stderr}`);
    return stdout.trim();
  }

  /** All of LIO's tree: names, links and values, without what counts or is drawn by lot. */
  async tree(): Promise<string> {
    return this.sh(`cd /sys/kernel/config/target
      find . \\( -name statistics -o -name fabric_statistics \\) -prune -o -type d -print -o -type l -printf '%h -> %l\\n' | sort
      grep -rs '' . --exclude-dir=statistics --exclude-dir=fabric_statistics --exclude-dir=pr \\
        --exclude=info --exclude=hba_info --exclude=alias --exclude=members --exclude=dynamic_sessions | sort`);
  }

  /** Puts misbehaving-targetcli.sh where TARGETCLI_PATH can say so: MISBEHAVING. Until `behave` says otherwise it does as it should. */
  async putMisbehavingTargetcli(): Promise<void> {
    const script = readFileSync(join(__dirname, '../harness/misbehaving-targetcli.sh'), 'utf8');
    await this.sh(`mkdir -p /run/fault && cat >${MISBEHAVING} <<'WRAPPER'\n${script}WRAPPER\nchmod 755 ${MISBEHAVING}`);
    await this.behave('honest');
  }

  async behave(mode: string): Promise<void> {
    await this.sh(`echo '${mode}' >/run/fault/mode`);
  }

  /** What /metrics says of a metric without labels of its own, until it is as asked; read every second there. */
  async measured(name: string, is: (value: number) => boolean): Promise<number> {
    for (const until = Date.now() + 10_000; ; await sleep(200)) {
      const text = await (await fetch(`${this.lab.healthUrl}/metrics`)).text();
      const value = Number(new RegExp(`^${name}\\S* (\\S+)$`, 'm').exec(text)?.[1]);
      if (is(value)) return value;
      if (Date.now() > until) throw new Error(`${name} is ${value}`);
    }
  }

  executorLog(): string {
    return readFileSync(join(this.dir, 'lab', 'executor.log'), 'utf8').slice(-6_000);
  }

  async stop(): Promise<void> {
    await this.lab.stop();
    await this.bus.close();
    await this.nats.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  private async ask(verb: NodeVerb, body: unknown, reply: { parse: (value: unknown) => unknown }, nodeId = NODE_ID): Promise<unknown> {
    return reply.parse(await ask(this.bus, nodeSubject(nodeId, verb), body, { context: {}, timeoutMs: 60_000 }));
  }

  private actAsTargetsService(): void {
    this.bus.nats.subscribe(nodeSubject(NODE_ID, 'report'), {
      callback: (_, message) => {
        this.reports.push(NodeReport.parse(message.json()));
        if (this.answer) message.respond(JSON.stringify(this.answer));
      },
    });
    this.bus.nats.subscribe(nodeSubject(NODE_ID, 'wishes'), {
      callback: (_, message) => {
        if (!this.wishes) return;
        // two a page, so that there is more than one
        const { after } = WishesRequest.parse(message.json());
        const rest = this.wishes
          .toSorted((a, b) => a.target_id.localeCompare(b.target_id))
          .filter(({ target_id }) => after === null || target_id > after);
        const page: WishesReply = { wishes: rest.slice(0, 2), next: rest.length > 2 ? rest[1]!.target_id : null };
        message.respond(JSON.stringify(page));
      },
    });
  }
}

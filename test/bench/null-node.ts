import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect, nkeyAuthenticator, type NatsConnection, type ServiceMsg } from 'nats';
import {
  InspectImageRequest,
  TargetWish,
  nodeSubject,
  nodeUser,
  type ApplyReply,
  type NodeReportReply,
  type NodeStatusReply,
  type NodeVerb,
} from '#contracts';
import { newId, publicKeyText } from '#runtime';
import { nodeReport } from '../harness/node-report';

const REPORT_MS = 2_000;
const IMAGE_BYTES = 4_194_304;

/**
 * SIMULATED storage node: holds the lease of a node, reports, and answers every wish with "done" at once. It has no kernel, no targetcli and
 * no disks, so that what is measured with it is the control plane alone. Its reports say so (`versions.engine`). Nothing but the benchmark
 * may use it: every test of behaviour runs against the real kernel target.
 */
export class SimulatedNode {
  private bus: NatsConnection;
  private timer: NodeJS.Timeout;
  private readonly instance = newId();
  private readonly sealingKey = publicKeyText(generateKeyPairSync('x25519').publicKey);
  private readonly present = new Set<string>();

  constructor(private readonly id: string) {}

  /** Resolves when the node is ours. */
  async start(natsUrl: string, seedFile: string): Promise<void> {
    this.bus = await connect({
      servers: natsUrl,
      authenticator: nkeyAuthenticator(Buffer.from(readFileSync(seedFile, 'utf8').trim())),
      inboxPrefix: `_INBOX_${nodeUser(this.id)}`,
    });
    const service = await this.bus.services.add({ name: 'storage-node-executor', version: '0.0.0', description: 'SIMULATED node' });
    const serve = (verb: NodeVerb, answer: (body: unknown) => unknown) =>
      service.addEndpoint(verb, {
        subject: nodeSubject(this.id, verb),
        handler: (_, message: ServiceMsg) => void message.respond(JSON.stringify(answer(message.json()))),
      });
    serve('apply', (body) => this.apply(TargetWish.parse(body)));
    serve('status', () => this.status());
    serve('inspect-image', (body) => ({ result: 'ok', size_bytes: InspectImageRequest.parse(body).file ? IMAGE_BYTES : 0 }));
    await this.bus.flush();
    const { accepted } = await this.report();
    if (!accepted) throw new Error(`the simulated node ${this.id} is not ours`);
    this.timer = setInterval(() => void this.report().catch(() => undefined), REPORT_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.bus?.drain();
  }

  private apply(wish: TargetWish): ApplyReply {
    if (wish.state === 'present') this.present.add(wish.target_id);
    else this.present.delete(wish.target_id);
    return { target_id: wish.target_id, generation: wish.generation, outcome: 'done', disconnected: 0, error: null };
  }

  private status(): NodeStatusReply {
    const live = { enabled: true, portals: [], luns: [], acls: [], sessions: [], drift: [] };
    return { observed_at: new Date().toISOString(), live };
  }

  private async report(): Promise<NodeReportReply> {
    const who = { node_id: this.id, instance: this.instance, sealing_key: this.sealingKey };
    const report = nodeReport(who, { name: `${this.id} (simulated)`, targets: this.present.size, versions: { engine: 'simulated' } });
    const answer = await this.bus.request(nodeSubject(this.id, 'report'), JSON.stringify(report), { timeout: 5_000 });
    return answer.json<NodeReportReply>();
  }
}

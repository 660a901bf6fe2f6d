import { Refused } from '#contracts';
import { crashPoint, metrics, readiness, type ReadinessCheck } from '#runtime';
import { compareTarget } from './compare-target';
import { inspectImage } from './inspect-image';
import { inspectTarget } from './inspect-target';
import { listShown } from './list-shown';
import type { NodeParts } from './node-parts';
import type { Handlers } from './socket/line-peer';
import type { ROOT_VERBS } from './socket/verbs';
import { targetStatus } from './target-status';

export interface VerbParts {
  nodeId: string;
  parts: NodeParts;
  checks: Record<string, ReadinessCheck>;
  /** The part on NATS is connected, for the first time or again. */
  onConnected: () => void;
}

/** What the root part does for each verb. It trusts no more than the verb's schema says. */
export const answerVerbs = ({ nodeId, parts, checks, onConnected }: VerbParts): Handlers<typeof ROOT_VERBS> => ({
  apply: (wish, requestId) => {
    crashPoint('executor.command-received');
    return parts.queue.submit(wish, requestId);
  },
  status: ({ wish }) => targetStatus(wish, parts.adapter, parts.journal),
  'inspect-image': ({ file }) => inspectImage(parts.adapter.settings.imageRoot, file),
  'inspect-target': ({ iqn }) => inspectTarget(iqn, parts.adapter, parts.journal),
  compare: ({ wishes }) => ({ comparisons: wishes.map((wish) => compareTarget(wish, parts)) }),
  'list-targets': ({ after, limit }) => listShown(parts.tree, after, limit),
  connected: ({ node_id }) => {
    if (node_id !== nodeId) throw new Refused('NODE_NOT_FOUND', { hint: `The root part is of NODE_ID ${nodeId}.` });
    onConnected();
    return {};
  },
  ready: async () => (await readiness(checks)).dependencies,
  metrics: nodeMetrics,
});

/** Families that the other part has as well would be in its answer twice. */
const nodeMetrics = async (): Promise<string> => {
  const names = metrics.getMetricsAsArray().flatMap(({ name }) => (name.startsWith('spindle_node_') ? [name] : []));
  const texts = await Promise.all(names.map((name) => metrics.getSingleMetricAsString(name)));
  return `${texts.join('\n\n')}\n`;
};

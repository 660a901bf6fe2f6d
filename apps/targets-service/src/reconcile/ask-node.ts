import type { z } from 'zod';
import { Refused, nodePingSubject, nodeSubject, type NodeVerb } from '#contracts';
import { ask } from '#messaging';
import type { Parts } from '../parts';

/**
 * Asks a storage node and parses its answer.
 * @throws Refused as the node says, or NODE_OFFLINE when it does not answer
 */
export const askNode = async <R extends z.ZodType>(
  parts: Parts,
  nodeId: string,
  verb: NodeVerb,
  body: unknown,
  reply: R,
  options: { requestId: string; timeoutMs: number },
): Promise<z.output<R>> => {
  const answer = await ask(parts.bus, nodeSubject(nodeId, verb), body, {
    context: { requestId: options.requestId },
    timeoutMs: options.timeoutMs,
    silence: 'NODE_OFFLINE',
    ping: nodePingSubject(nodeId),
  });
  const parsed = reply.safeParse(answer);
  if (parsed.success) return parsed.data;
  parts.log.error({ node_id: nodeId, verb, issues: parsed.error.issues }, 'a node answered in a way that is not its contract');
  throw new Refused('INTERNAL');
};

import { ApplyReply } from '#contracts';
import { inDatabase } from '#database';
import { newId } from '#runtime';
import type { Parts } from '../parts';
import type { Target } from '../targets/target.entity';
import { activeTargetsOf } from '../targets/target.store';
import { askNode } from './ask-node';
import { currentWish } from './target-wish';

const PAGE = 200;
/** The node takes one after the other; this only keeps it from waiting for us. */
const AT_ONCE = 16;

/**
 * A node has come back: its kernel may have lost everything, so each target that should be there is wished for again. What is
 * there as asked stays untouched.
 */
export const restoreNode = async (parts: Parts, nodeId: string): Promise<void> => {
  let after = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const page = await inDatabase(parts.database, (tx) => activeTargetsOf(tx, nodeId, after, PAGE));
    const waiting = [...page];
    const worker = async () => {
      for (let target = waiting.shift(); target; target = waiting.shift()) await restore(parts, target);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    if (page.length < PAGE) return;
    after = page[page.length - 1]!.id;
  }
};

const restore = async (parts: Parts, target: Target): Promise<void> => {
  const facts = { target_id: target.id, node_id: target.node_id };
  try {
    const options = { requestId: newId(), timeoutMs: parts.settings.APPLY_TIMEOUT_MS };
    const reply = await askNode(parts, target.node_id, 'apply', currentWish(target), ApplyReply, options);
    if (reply.outcome !== 'done') parts.log.error({ ...facts, ...reply.error }, 'a target could not be restored');
  } catch (err) {
    parts.log.error({ ...facts, err }, 'a target could not be restored');
  }
};

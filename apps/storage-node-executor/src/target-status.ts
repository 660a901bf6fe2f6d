import type { NodeStatusReply, TargetWish } from '#contracts';
import type { Journal } from './journal';
import { backstoreName } from './lio/target-names';
import { desiredTarget } from './lio/target-state';
import type { TargetcliAdapter } from './lio/targetcli.adapter';
import { driftFrom, leftovers, liveTarget } from './target-drift';

/** What the kernel shows of one target right now, and where that differs from the wish. Never waits for the queue or for targetcli. */
export const targetStatus = (wish: TargetWish, adapter: TargetcliAdapter, journal: Journal): NodeStatusReply => {
  const observed_at = new Date().toISOString();
  const name = backstoreName(wish.disk.disk_id);
  const seen = adapter.getTargetStatus(wish.iqn, name);
  if (wish.state === 'present') return { observed_at, live: liveTarget(seen, driftFrom(desiredTarget(wish, adapter.settings), seen)) };
  return { observed_at, live: liveTarget(seen, leftovers(wish.iqn, name, seen, journal.ownsBackstoreFor(wish))) };
};

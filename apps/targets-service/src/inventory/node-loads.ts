import type { EntityManager } from 'typeorm';
import { countTargets, type Place } from './node.store';

/** To count the targets of nodes at each create would read them all each time. */
const COUNTED_MS = 1_000;

const RANK = { online: 0, wedged: 1, offline: 2 } as const;

/** Which node gets one more target. How many each has is counted once a second, and what was placed from here since is added. */
export class NodeLoads {
  private targets = new Map<string, number>();
  private countedAt = -Infinity;

  /** Asked only where there is a choice. */
  async count(tx: EntityManager): Promise<void> {
    if (performance.now() - this.countedAt < COUNTED_MS) return;
    this.targets = await countTargets(tx);
    this.countedAt = performance.now();
  }

  /** The best of these: neither cordoned nor held, online, with the fewest targets. */
  choose(places: Place[]): Place | undefined {
    const order = (place: Place): [number, number, number] => [
      Number(place.cordoned || place.held_at !== null),
      RANK[place.status],
      this.targets.get(place.id) ?? 0,
    ];
    const [best] = [...places].sort((a, b) => compare(order(a), order(b)));
    if (best) this.targets.set(best.id, (this.targets.get(best.id) ?? 0) + 1);
    return best;
  }
}

const compare = (a: number[], b: number[]): number => {
  const at = a.findIndex((value, place) => value !== b[place]);
  return at === -1 ? 0 : a[at]! - b[at]!;
};

const MOST_WAITING = 1_000;

interface Waiting {
  id: string;
  begin: (mayBegin: boolean) => void;
}

/**
 * How many operations are on their way to each node at once, and the line of those whose turn has not come. One line for all: if new ones
 * went ahead, those that wait would never have their turn while the others keep coming. A node that hangs fills its own places only.
 */
export class NodePlaces {
  private readonly taken = new Map<string, number>();
  private readonly lines = new Map<string, Waiting[]>();
  /** In some line. */
  private readonly waiting = new Set<string>();
  private closed = false;

  constructor(
    private readonly perNode: number,
    private readonly changed: (nodeId: string, taken: number) => void = () => undefined,
  ) {}

  /** Takes a place, if there is one and nobody waits for it. It is given back with `leave`. */
  take(nodeId: string): boolean {
    if (this.closed || this.lines.has(nodeId) || this.takenOf(nodeId) >= this.perNode) return false;
    this.set(nodeId, this.takenOf(nodeId) + 1);
    return true;
  }

  isInLine(id: string): boolean {
    return this.waiting.has(id);
  }

  /** Waits for a place. False, and none is taken: the line is too long, the operation stands in it already, or all is ending. */
  async turn(nodeId: string, id: string): Promise<boolean> {
    if (this.take(nodeId)) return true;
    const line = this.lines.get(nodeId) ?? [];
    if (this.closed || this.waiting.has(id) || line.length >= MOST_WAITING) return false;
    this.waiting.add(id);
    this.lines.set(nodeId, line);
    return new Promise((begin) => line.push({ id, begin }));
  }

  /** Gives a place to the next in line. */
  leave(nodeId: string): void {
    const next = this.lines.get(nodeId)?.shift();
    if (!next) return this.set(nodeId, this.takenOf(nodeId) - 1);
    if (this.lines.get(nodeId)!.length === 0) this.lines.delete(nodeId);
    this.waiting.delete(next.id);
    next.begin(true);
  }

  /** Nobody's turn comes any more. */
  close(): void {
    this.closed = true;
    for (const { begin } of [...this.lines.values()].flat()) begin(false);
    this.lines.clear();
    this.waiting.clear();
  }

  private takenOf = (nodeId: string): number => this.taken.get(nodeId) ?? 0;

  private set(nodeId: string, count: number): void {
    if (count > 0) this.taken.set(nodeId, count);
    else this.taken.delete(nodeId);
    this.changed(nodeId, count);
  }
}

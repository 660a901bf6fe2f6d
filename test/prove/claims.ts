/** One sentence that is shown, or not. */
export interface Claim {
  text: string;
  /** What was seen that it does not say; empty when it holds. */
  against: string[];
  /** With figures, for the report. */
  seen: string;
  seconds: number;
}

/** Looks at one claim after another; one that cannot be looked at does not hold, and the next is looked at all the same. */
export class Claims {
  readonly made: Claim[] = [];

  constructor(private readonly say: (line: string) => void) {}

  async claim(text: string, look: (against: string[]) => Promise<string>): Promise<void> {
    const began = Date.now();
    const against: string[] = [];
    const seen = await look(against).catch((error: unknown) => {
      against.push(error instanceof Error ? error.message : String(error));
      return 'could not be looked at';
    });
    const seconds = (Date.now() - began) / 1_000;
    this.made.push({ text, against, seen, seconds });
    this.say(`${against.length === 0 ? '+' : '-'} ${text}: ${seen} (${seconds.toFixed(1)} s)`);
    for (const line of against) this.say(`    ${line}`);
  }

  get held(): number {
    return this.made.filter(({ against }) => against.length === 0).length;
  }

  table(): string {
    return [
      '| claim | seen | seconds | |',
      '|---|---|--:|---|',
      ...this.made.map(
        ({ text, seen, seconds, against }) =>
          `| ${text} | ${seen} | ${seconds.toFixed(1)} | ${against.length === 0 ? 'as claimed' : 'NOT'} |`,
      ),
      '',
      ...this.made.flatMap(({ text, against }) => against.map((line) => `- ${text}: ${line.split('\n')[0]}`)),
    ].join('\n');
  }
}

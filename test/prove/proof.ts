/** `short` is what `npm test` has time for; `long` is made by hand and stands in docs/proof-report.md. */
export type Profile = 'short' | 'long';

export interface Finding {
  /** All is as claimed. */
  holds: boolean;
  /** The figures, in a line. */
  summary: string;
  /** Tables and what else belongs into the report, as Markdown without headings of its own. */
  details: string;
}

export interface Proof {
  /** The word of `npm run prove`. */
  name: string;
  /** What it shows, as a heading. */
  title: string;
  run: (profile: Profile, say: (line: string) => void) => Promise<Finding>;
}

/** A finding as it is kept, one file for each proof. */
export interface Kept extends Finding {
  name: string;
  profile: Profile;
  commit: string;
  seconds: number;
}

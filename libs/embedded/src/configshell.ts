import { createInterface } from 'node:readline';
import { spawnGuarded } from './child-guard';
import { missingPrerequisites, PrerequisitesMissing } from './prerequisites';

/** How Debian's own configshell, which targetcli is made of, takes one line. */
export type ParsedLine = { path: string; command: string; positional: string[]; named: Record<string, string> } | { error: string };

/** @param script of Python, which answers each line with one line of JSON. @throws PrerequisitesMissing */
export function startConfigshell(script: string): { parse(lines: string[]): Promise<ParsedLine[]>; stop(): Promise<void> } {
  const missing = missingPrerequisites(['storage-lab']);
  if (missing.length > 0) throw new PrerequisitesMissing(missing);
  // Debian's own Python, which has Debian's configshell; the guard has descriptor 0 of its child, so lines come in by another
  const child = spawnGuarded('sh', ['-c', 'exec /usr/bin/python3 "$0" <&3', script], {
    stdio: ['pipe', 'inherit', 'pipe'],
    env: { ...process.env, HOME: '/nonexistent' },
  });
  const answers = createInterface({ input: child.process.stdout! })[Symbol.asyncIterator]();
  const input = child.process.stdio[3] as NodeJS.WritableStream;
  return {
    parse: async (lines) => {
      input.write(lines.map((line) => `${line}\n`).join(''));
      const parsed: ParsedLine[] = [];
      for (let at = 0; at < lines.length; at++) {
        const { value, done } = (await answers.next()) as { value?: string; done?: boolean };
        if (done || value === undefined) throw new Error(`configshell ended at line ${lines[at]}`);
        parsed.push(JSON.parse(value) as ParsedLine);
      }
      return parsed;
    },
    stop: async () => void (await child.kill()),
  };
}

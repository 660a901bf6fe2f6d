import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import type { ExecutorPart } from './lab-executor';
import { writePrivately } from './private-file';
import type { Owner } from './unprivileged';

export type ScriptResult = { code: number; stdout: string; stderr: string };

/**
 * Runs shell scripts in the lab. A line on a serial port says that a script is there or has ended; script and output travel as files in
 * the control folder, so output of any size and several scripts at a time are fine.
 */
export class LabShell {
  private readonly waiting = new Map<string, { resolve: (code: number) => void; reject: (error: Error) => void }>();
  private gone: Error | undefined;
  /** Called with the exit code of a part of the executor, however it ended. */
  onExecutorEnd: ((part: ExecutorPart, code: number) => void) | undefined;

  /** Resolves when the lab can run scripts; rejects with the boot step that failed. */
  readonly ready: Promise<void>;

  constructor(
    private readonly line: Duplex,
    private readonly controlDir: string,
    private readonly owner: Owner | undefined,
  ) {
    line.on('error', () => undefined); // the lab is gone; close() says so to those who wait
    this.ready = new Promise((resolve, reject) => {
      createInterface({ input: line }).on('line', (text) => {
        const [verb, id = '', code] = text.trim().split(' ');
        if (verb === 'ready') resolve();
        else if (verb === 'failed') reject(new Error(`the storage lab could not set up its ${text.trim().slice('failed '.length)}`));
        else if (verb === 'executor') this.onExecutorEnd?.(id as ExecutorPart, Number(code));
        else if (verb === 'done') this.waiting.get(id)?.resolve(Number(code));
      });
    });
    this.ready.catch(() => undefined);
  }

  /** @throws Error when the lab ends meanwhile, or when the script runs longer than `timeoutMs` (it is then killed with its children). */
  async run(script: string, timeoutMs: number): Promise<ScriptResult> {
    const id = randomUUID();
    const file = (kind: string): string => join(this.controlDir, `${id}.${kind}`);
    if (this.gone) throw this.gone;
    writePrivately(file('sh'), script, this.owner);
    try {
      const code = await this.ended(id, timeoutMs).catch((error: Error) => {
        throw new Error(`${error.message}: ${script.trim().slice(0, 120)}`, { cause: error });
      });
      const output = (kind: string): Promise<string> => readFile(file(kind), 'utf8').catch(() => ''); // no output, no file
      const [stdout, stderr] = await Promise.all([output('out'), output('err')]);
      return { code, stdout, stderr };
    } finally {
      await Promise.all(['sh', 'out', 'err'].map((kind) => rm(file(kind), { force: true })));
    }
  }

  /** To be called when the lab's kernel has ended: whoever waits for a script hears of it. */
  close(reason: Error): void {
    this.gone = reason;
    for (const { reject } of this.waiting.values()) reject(reason);
  }

  private async ended(id: string, timeoutMs: number): Promise<number> {
    let late: NodeJS.Timeout | undefined;
    try {
      return await new Promise<number>((resolve, reject) => {
        this.waiting.set(id, { resolve, reject });
        late = setTimeout(() => {
          this.line.write(`kill ${id}\n`);
          reject(new Error(`a script in the storage lab did not end within ${timeoutMs} ms`));
        }, timeoutMs);
        if (this.gone) reject(this.gone);
        this.line.write(`run ${id}\n`);
      });
    } finally {
      clearTimeout(late);
      this.waiting.delete(id);
    }
  }
}

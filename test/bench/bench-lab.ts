import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot, startStorageLab, type StorageLab } from '#embedded';

const LIMIT_MS = 1_800_000;

/** A storage lab without an executor: what runs in it is lab-bench.ts, rtslib-target.py, targetcli and targetctl. */
export class BenchLab {
  private constructor(
    private readonly lab: StorageLab,
    private readonly dir: string,
  ) {}

  static async start(): Promise<BenchLab> {
    const dir = mkdtempSync(join(tmpdir(), 'spindle-bench-lab-'));
    const options = {
      dir: join(dir, 'lab'),
      imageRootHostDir: join(dir, 'images'),
      projectRoot: projectRoot(),
      memMb: 3_072,
      log: () => undefined,
    };
    return new BenchLab(await startStorageLab({ ...options, autostartExecutor: false }), dir);
  }

  async sh(script: string): Promise<string> {
    const { code, stdout, stderr } = await this.lab.exec(script, { timeoutMs: LIMIT_MS });
    if (code !== 0) throw new Error(`exit ${code}: ${script.slice(0, 200)}\n${stdout.slice(-2_000)}${stderr.slice(-2_000)}`);
    return stdout;
  }

  /** Milliseconds of what lab-bench.ts was asked to do. */
  async run(...words: (string | number)[]): Promise<Record<string, number[]>> {
    const program = join(projectRoot(), 'dist/test/bench/lab-bench.js');
    return JSON.parse(await this.sh(`${process.execPath} ${program} ${words.join(' ')}`)) as Record<string, number[]>;
  }

  async python(script: string, ...words: (string | number)[]): Promise<Record<string, number[]>> {
    const text = readFileSync(join(projectRoot(), 'test/bench', script), 'utf8');
    return JSON.parse(await this.sh(`python3 - ${words.join(' ')} <<'PYTHON'\n${text}\nPYTHON`)) as Record<string, number[]>;
  }

  async stop(): Promise<void> {
    await this.lab.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

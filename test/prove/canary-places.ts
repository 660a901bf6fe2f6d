import { createReadStream, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Client } from 'pg';
import type { SecretSearch } from './secret-search';

/** All files below a folder, as they lie on the disk. @param except whole paths below it, or their beginnings */
export const searchFolder = async (search: SecretSearch, place: string, folder: string, except: string[] = []): Promise<void> => {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !except.some((start) => relative(folder, file).startsWith(start)));
  for (const file of files) await search.searchStream(place, relative(folder, file), createReadStream(file, { highWaterMark: 2 ** 20 }));
};

/** Every row of every table, the catalogue included, as text. */
export const searchRows = async (search: SecretSearch, databaseUrl: string): Promise<void> => {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  const tables = await client.query<{ name: string }>(`SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables ORDER BY 1`);
  for (const { name } of tables.rows) {
    const { rows } = await client.query<{ line: string | null }>(`SELECT t::text AS line FROM ${name} t`);
    search.searchText('rows of all tables', name, rows.map(({ line }) => line ?? '').join('\n'));
  }
  await client.end();
};

/** What the processes of this machine show to others, as often as it is looked. */
export class ProcessSampler {
  readonly commandLines = new Set<string>();
  readonly environments = new Map<string, string>();
  samples = 0;
  private readonly timer = setInterval(() => this.look(), 40);

  stop(): void {
    clearInterval(this.timer);
    this.look();
  }

  private look(): void {
    this.samples++;
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
        if (line === '') continue;
        this.commandLines.add(line);
        const key = `${pid} ${line}`;
        if (!this.environments.has(key)) this.environments.set(key, readFileSync(`/proc/${pid}/environ`, 'latin1'));
      } catch {
        // it has ended, or is not ours to read
      }
  }
}

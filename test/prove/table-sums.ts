import type { Client } from 'pg';

/**
 * Everything that targets-service keeps, a line for each table: number of rows and a checksum of all that is in them.
 * @param outbox which rows of the outbox count, as SQL: what a proof causes itself, records of refusals above all, is left out, and so
 * is what waits to be published
 */
export const tableSums = async (sql: Client, outbox: string): Promise<string[]> => {
  const { rows } = await sql.query<{ name: string }>(
    `SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'targets' AND tablename NOT IN ('migrations', 'outbox_waiting') ORDER BY 1`,
  );
  const lines: string[] = [];
  for (const { name } of rows) {
    const text = `SELECT count(*) AS n, md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) AS sum FROM targets.${name} t
      ${name === 'outbox' ? `WHERE ${outbox}` : ''}`;
    const { n, sum } = (await sql.query<{ n: string; sum: string }>(text)).rows[0]!;
    lines.push(`${name}: ${n} rows, ${sum}`);
  }
  return lines;
};

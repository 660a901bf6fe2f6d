import type { Client } from 'pg';
import { spawnGuarded } from '#embedded';
import type { TargetsServiceForTests } from '../harness/targets-service-for-tests';

/** Something that keeps the outbox from taking a row, put in its way and taken out again. */
export interface Obstacle {
  name: string;
  /** @returns how to take it away */
  put: (service: TargetsServiceForTests) => Promise<() => Promise<unknown>>;
}

const TABLE = 'targets.outbox';

const bySql = (name: string, put: string, away: string): Obstacle => ({
  name,
  put: async ({ sql }) => {
    await sql.query(put);
    return () => sql.query(away);
  },
});

const REFUSE = `CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'refused'; END$$;
  CREATE TRIGGER refuse BEFORE INSERT ON ${TABLE} FOR EACH ROW EXECUTE FUNCTION public.refuse()`;

/** Readers pass, writers wait: what a long maintenance job does. */
const locked: Obstacle = {
  name: 'table locked by another session',
  put: async (service) => {
    const holder = await service.client();
    await holder.query(`BEGIN; LOCK TABLE ${TABLE} IN EXCLUSIVE MODE`);
    return () => holder.end();
  },
};

/** A segment of the log of Postgres must still fit. Bytes. */
const DISK_BYTES = 20 * 2 ** 20;

/**
 * No file may grow beyond a limit, and the table has reached it. Postgres ignores SIGXFSZ so that this is to it like a full disk
 * (postmaster.c); unlike a small file system it needs no right to mount.
 */
const full: Obstacle = {
  name: 'disk full',
  put: async ({ sql, postgres }) => {
    const limit = async (bytes: string, pids: number[]) => {
      for (const pid of pids) {
        const { code } = await spawnGuarded('prlimit', [`--pid=${pid}`, `--fsize=${bytes}`]).ended;
        if (code !== 0 && pid === postgres.pid) throw new Error('the size of files could not be limited: prlimit is in util-linux');
      }
    };
    const servers = async () => {
      const { rows } = await sql.query<{ pid: number }>('SELECT pid FROM pg_stat_activity');
      return [postgres.pid, ...rows.map(({ pid }) => pid)];
    };
    const known = await servers();
    await limit(`${DISK_BYTES}:unlimited`, known);
    await fill(sql);
    return async () => {
      await limit('unlimited:unlimited', await servers());
      await sql.query(`DELETE FROM ${TABLE} WHERE subject = 'filler'`);
      await sql.query(`VACUUM ${TABLE}`);
    };
  },
};

/** In ever smaller pieces, until not even an empty one finds a place. */
const fill = async (sql: Client): Promise<void> => {
  const insert = (length: number, rows: number) => `INSERT INTO ${TABLE} (message_id, subject, request_id, body)
    SELECT gen_random_uuid(), 'filler', 'filler', to_jsonb(repeat('x', ${length})) FROM generate_series(1, ${rows});
    DELETE FROM ${TABLE}_waiting WHERE xid = pg_current_xact_id()`;
  for (const [length, rows] of [
    [1_900, 1_000],
    [1_900, 50],
    [1_900, 1],
    [200, 1],
    [0, 1],
  ] as const)
    for (;;) {
      const stored = await sql.query(insert(length, rows)).then(
        () => true,
        () => false,
      );
      if (!stored) break;
    }
};

export const OBSTACLES: Obstacle[] = [
  bySql('right to insert revoked', `REVOKE INSERT ON ${TABLE} FROM targets_app`, `GRANT INSERT ON ${TABLE} TO targets_app`),
  bySql(
    'constraint that nothing meets',
    `ALTER TABLE ${TABLE} ADD CONSTRAINT refuse CHECK (false) NOT VALID`,
    `ALTER TABLE ${TABLE} DROP CONSTRAINT refuse`,
  ),
  bySql('trigger that refuses', REFUSE, `DROP FUNCTION public.refuse CASCADE`),
  bySql('table renamed away', `ALTER TABLE ${TABLE} RENAME TO outbox_away`, `ALTER TABLE targets.outbox_away RENAME TO outbox`),
  locked,
  full,
];

import type { MigrationInterface, QueryRunner } from 'typeorm';
import type { AuditEntryRow } from '../src/audit-entry.entity';
import { leafEntry } from '../src/audit.store';
import { leafOf } from '../src/entry-leaf';
import { addLeaves } from '../src/tree.store';

const PAGE = 1_000;

/**
 * The trail as a Merkle tree (RFC 6962). `nodes` has the hash of each entry (level 0) and of each complete subtree; they stay when old
 * entries are dropped. `checkpoints` has what was signed. Both grow only, by the database, as the entries do.
 *
 * Times end at milliseconds, as they are told and hashed: a change of what nobody is told could not be seen.
 */
export class MerkleLog1764000001000 implements MigrationInterface {
  name = 'MerkleLog1764000001000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE audit.nodes (
        level smallint NOT NULL CHECK (level >= 0),
        position bigint NOT NULL CHECK (position >= 0),
        hash bytea NOT NULL CHECK (length(hash) = 32),
        PRIMARY KEY (level, position)
      );
      CREATE TABLE audit.checkpoints (
        size bigint PRIMARY KEY CHECK (size > 0),
        root bytea NOT NULL CHECK (length(root) = 32),
        note text NOT NULL,
        signed_at timestamptz NOT NULL DEFAULT clock_timestamp()
      );

      CREATE OR REPLACE FUNCTION audit.take_place() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
        BEGIN
          PERFORM pg_advisory_xact_lock(7410003);
          SELECT coalesce(max(seq), 0) + 1 INTO NEW.seq FROM audit.entries;
          NEW.recorded_at := date_trunc('milliseconds', clock_timestamp());
          NEW.time := date_trunc('milliseconds', NEW.time);
          RETURN NEW;
        END $$;

      CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON audit.nodes FOR EACH ROW EXECUTE FUNCTION audit.refuse_change();
      CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON audit.nodes FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
      CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON audit.checkpoints FOR EACH ROW EXECUTE FUNCTION audit.refuse_change();
      CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON audit.checkpoints FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
      ALTER TABLE audit.nodes ENABLE ALWAYS TRIGGER refuse_change;
      ALTER TABLE audit.nodes ENABLE ALWAYS TRIGGER refuse_truncate;
      ALTER TABLE audit.checkpoints ENABLE ALWAYS TRIGGER refuse_change;
      ALTER TABLE audit.checkpoints ENABLE ALWAYS TRIGGER refuse_truncate;

      REVOKE ALL ON audit.nodes, audit.checkpoints FROM PUBLIC;
      GRANT SELECT, INSERT ON audit.nodes, audit.checkpoints TO audit_app;

      ALTER TABLE audit.entries DISABLE TRIGGER refuse_change;
      UPDATE audit.entries SET time = date_trunc('milliseconds', time), recorded_at = date_trunc('milliseconds', recorded_at);
      ALTER TABLE audit.entries ENABLE ALWAYS TRIGGER refuse_change;
    `);
    await this.hashWhatIsThere(queryRunner);
  }

  /** Of entries that were recorded before there was a tree, it proves that they were not changed from now on. */
  private async hashWhatIsThere({ manager }: QueryRunner): Promise<void> {
    for (let after = 0; ;) {
      const rows = await manager.query<(Omit<AuditEntryRow, 'seq'> & { seq: string })[]>(
        `SELECT * FROM audit.entries WHERE seq > $1 ORDER BY seq LIMIT ${PAGE}`,
        [after],
      );
      const entries = rows.map((row) => leafEntry({ ...row, seq: Number(row.seq) }));
      if (entries.length > 0) await addLeaves(manager, entries[0]!.seq, entries.map(leafOf));
      if (entries.length < PAGE) return;
      after = entries.at(-1)!.seq;
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP TABLE audit.checkpoints;
      DROP TABLE audit.nodes;
      CREATE OR REPLACE FUNCTION audit.take_place() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
        BEGIN
          PERFORM pg_advisory_xact_lock(7410003);
          SELECT coalesce(max(seq), 0) + 1 INTO NEW.seq FROM audit.entries;
          NEW.recorded_at := clock_timestamp();
          RETURN NEW;
        END $$;
    `);
  }
}

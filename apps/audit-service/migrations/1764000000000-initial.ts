import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The trail is append-only by the database, not by good will: the application's role may insert and read, and triggers stop
 * the owner too. Only a superuser, or the owner by dropping them first, gets past.
 *
 * Places are given out by a trigger, so that not even the application can leave a gap. A sequence would: it counts on when a
 * transaction is rolled back.
 */
export class Initial1764000000000 implements MigrationInterface {
  name = 'Initial1764000000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE audit.entries (
        seq bigint PRIMARY KEY CHECK (seq > 0),
        id uuid NOT NULL UNIQUE,
        time timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        actor text NOT NULL,
        source text NOT NULL,
        action text NOT NULL,
        resource_type text NOT NULL,
        resource_id text,
        target_id uuid,
        machine_id uuid,
        outcome text NOT NULL CHECK (outcome IN ('allowed', 'denied', 'failed')),
        code text,
        request_id text NOT NULL,
        before jsonb,
        after jsonb
      );
      CREATE INDEX entries_target ON audit.entries (target_id, seq DESC) WHERE target_id IS NOT NULL;
      CREATE INDEX entries_machine ON audit.entries (machine_id, seq DESC) WHERE machine_id IS NOT NULL;
      CREATE INDEX entries_actor ON audit.entries (actor, seq DESC);
      CREATE INDEX entries_action ON audit.entries (action, seq DESC);
      CREATE INDEX entries_outcome ON audit.entries (outcome, seq DESC);
      CREATE INDEX entries_request ON audit.entries (request_id, seq DESC);
      CREATE INDEX entries_time ON audit.entries (time);

      -- One writer at a time: whoever waits for the lock sees, in a new snapshot, what its predecessor committed.
      CREATE FUNCTION audit.take_place() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
        BEGIN
          PERFORM pg_advisory_xact_lock(7410003);
          SELECT coalesce(max(seq), 0) + 1 INTO NEW.seq FROM audit.entries;
          NEW.recorded_at := clock_timestamp();
          RETURN NEW;
        END $$;
      CREATE TRIGGER take_place BEFORE INSERT ON audit.entries FOR EACH ROW EXECUTE FUNCTION audit.take_place();

      CREATE FUNCTION audit.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
        BEGIN
          RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege';
        END $$;
      CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON audit.entries FOR EACH ROW EXECUTE FUNCTION audit.refuse_change();
      CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON audit.entries FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();

      -- ALWAYS: also in a session that calls itself a replica.
      ALTER TABLE audit.entries ENABLE ALWAYS TRIGGER take_place;
      ALTER TABLE audit.entries ENABLE ALWAYS TRIGGER refuse_change;
      ALTER TABLE audit.entries ENABLE ALWAYS TRIGGER refuse_truncate;

      REVOKE ALL ON audit.entries FROM PUBLIC;
      GRANT USAGE ON SCHEMA audit TO audit_app;
      GRANT SELECT, INSERT ON audit.entries TO audit_app;
      REVOKE INSERT ON audit.migrations FROM audit_app;
      GRANT SELECT ON audit.migrations TO audit_app;
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP TABLE audit.entries;
      DROP FUNCTION audit.refuse_change();
      DROP FUNCTION audit.take_place();
    `);
  }
}

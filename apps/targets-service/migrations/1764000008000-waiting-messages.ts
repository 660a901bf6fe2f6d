import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What of the outbox is still to be published stands in a narrow table of its own. A mark in the row itself made Postgres write its whole
 * body once more, and keep both until a vacuum.
 */
export class WaitingMessages1764000008000 implements MigrationInterface {
  name = 'WaitingMessages1764000008000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      -- Another instance may be at work: what it is writing now must be seen here, and what it writes from now on by the trigger.
      LOCK TABLE targets.outbox IN ACCESS EXCLUSIVE MODE;

      -- Order of positions is not order of commit: a reader stays below the oldest running transaction (column xid).
      CREATE TABLE targets.outbox_waiting (
        position bigint PRIMARY KEY,
        xid xid8 NOT NULL DEFAULT pg_current_xact_id()
      );
      INSERT INTO targets.outbox_waiting (position) SELECT position FROM targets.outbox WHERE published_at IS NULL;
      ALTER TABLE targets.outbox DROP published_at, DROP xid;
      CREATE INDEX outbox_created_at ON targets.outbox (created_at);

      -- Whoever adds a message, it waits: no code can forget it.
      CREATE FUNCTION targets.let_wait() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO targets.outbox_waiting (position) SELECT position FROM added;
        RETURN NULL;
      END $$;
      CREATE TRIGGER let_wait AFTER INSERT ON targets.outbox REFERENCING NEW TABLE AS added
        FOR EACH STATEMENT EXECUTE FUNCTION targets.let_wait();
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      LOCK TABLE targets.outbox IN ACCESS EXCLUSIVE MODE;
      DROP TRIGGER let_wait ON targets.outbox;
      DROP FUNCTION targets.let_wait;
      DROP INDEX targets.outbox_created_at;
      ALTER TABLE targets.outbox ADD xid xid8 NOT NULL DEFAULT pg_current_xact_id(), ADD published_at timestamptz;
      UPDATE targets.outbox SET published_at = created_at
        WHERE NOT EXISTS (SELECT FROM targets.outbox_waiting AS waiting WHERE waiting.position = outbox.position);
      CREATE INDEX outbox_unpublished ON targets.outbox (position) WHERE published_at IS NULL;
      CREATE INDEX outbox_published_at ON targets.outbox (published_at) WHERE published_at IS NOT NULL;
      DROP TABLE targets.outbox_waiting;
    `);
  }
}

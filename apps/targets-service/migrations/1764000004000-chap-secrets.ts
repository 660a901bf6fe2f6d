import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Secrets lie apart from the rows that are listed, told and logged, and encrypted: their key is not in this database. */
export class ChapSecrets1764000004000 implements MigrationInterface {
  name = 'ChapSecrets1764000004000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE targets.targets
        ADD COLUMN chap text NOT NULL DEFAULT 'none' CHECK (chap IN ('none', 'one-way', 'mutual')),
        ADD COLUMN chap_version int NOT NULL DEFAULT 0;
      CREATE TABLE targets.chap_secrets (
        target_id uuid NOT NULL REFERENCES targets.targets,
        field text NOT NULL CHECK (field IN ('secret', 'mutual_secret')),
        version int NOT NULL,
        key_id text NOT NULL,
        wrapped_key bytea NOT NULL,
        ciphertext bytea NOT NULL,
        PRIMARY KEY (target_id, field)
      );
      REVOKE ALL ON targets.chap_secrets FROM PUBLIC;
      GRANT SELECT, INSERT, UPDATE, DELETE ON targets.chap_secrets TO targets_app;
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP TABLE targets.chap_secrets;
      ALTER TABLE targets.targets DROP COLUMN chap, DROP COLUMN chap_version;
    `);
  }
}

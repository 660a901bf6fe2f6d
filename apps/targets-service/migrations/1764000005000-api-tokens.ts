import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Revoked tokens keep their rows, so that their later uses can be told from those of tokens that never were. */
export class ApiTokens1764000005000 implements MigrationInterface {
  name = 'ApiTokens1764000005000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      -- Goes up when the logins of a user are to end at once.
      ALTER TABLE targets.users ADD token_epoch integer NOT NULL DEFAULT 0;

      CREATE TABLE targets.api_tokens (
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES targets.users (id),
        name text NOT NULL,
        role text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin', 'auditor')),
        hash bytea NOT NULL CHECK (octet_length(hash) = 32),
        created_at timestamptz NOT NULL,
        expires_at timestamptz,
        last_used_at timestamptz,
        revoked_at timestamptz
      );
      CREATE UNIQUE INDEX api_tokens_name ON targets.api_tokens (user_id, lower(name)) WHERE revoked_at IS NULL;
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP TABLE targets.api_tokens;
      ALTER TABLE targets.users DROP token_epoch;
    `);
  }
}

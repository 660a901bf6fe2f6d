import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A holder that was stopped for longer than its hold must not change anything when it goes on. */
export class KeyAttempts1764000003000 implements MigrationInterface {
  name = 'KeyAttempts1764000003000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE targets.idempotency_keys ADD COLUMN attempt int NOT NULL DEFAULT 1');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE targets.idempotency_keys DROP COLUMN attempt');
  }
}

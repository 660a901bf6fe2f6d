import type { MigrationInterface, QueryRunner } from 'typeorm';

export class IdempotencyKeys1764000001000 implements MigrationInterface {
  name = 'IdempotencyKeys1764000001000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE targets.idempotency_keys (
        actor text NOT NULL,
        key text NOT NULL,
        fingerprint text NOT NULL,
        held_until timestamptz NOT NULL,
        target_id uuid REFERENCES targets.targets (id),
        answer jsonb,
        expires_at timestamptz NOT NULL,
        PRIMARY KEY (actor, key)
      );
      CREATE INDEX idempotency_keys_expire ON targets.idempotency_keys (expires_at);
      CREATE INDEX idempotency_keys_target ON targets.idempotency_keys (target_id) WHERE target_id IS NOT NULL;
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE targets.idempotency_keys');
  }
}

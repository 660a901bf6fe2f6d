import type { MigrationInterface, QueryRunner } from 'typeorm';

export class HeldNodes1764000006000 implements MigrationInterface {
  name = 'HeldNodes1764000006000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE targets.storage_nodes ADD held_at timestamptz');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE targets.storage_nodes DROP held_at');
  }
}

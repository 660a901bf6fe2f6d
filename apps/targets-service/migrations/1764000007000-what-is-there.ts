import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Deleted targets and ended sessions stay, and outnumber the others by far: what is asked of the others must not read past them. */
export class WhatIsThere1764000007000 implements MigrationInterface {
  name = 'WhatIsThere1764000007000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE INDEX targets_there_on_node ON targets.targets (node_id, id) WHERE deleted_at IS NULL;
      CREATE INDEX targets_there_of_image ON targets.targets (image_id, id) WHERE deleted_at IS NULL;
      -- users.list asks for the name as it is written, the unique index has it in lower case.
      CREATE INDEX users_listed_by_name ON targets.users (username) WHERE deleted_at IS NULL;
      CREATE INDEX boot_sessions_open ON targets.boot_sessions (id DESC) WHERE ended_at IS NULL AND deleted_at IS NULL;
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP INDEX targets.boot_sessions_open;
      DROP INDEX targets.users_listed_by_name;
      DROP INDEX targets.targets_there_of_image;
      DROP INDEX targets.targets_there_on_node;
    `);
  }
}

import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Reconciliation1764000002000 implements MigrationInterface {
  name = 'Reconciliation1764000002000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE targets.targets ADD confirmed boolean NOT NULL DEFAULT false, ADD drift jsonb;
      UPDATE targets.targets SET confirmed = true WHERE status = 'ACTIVE';
      CREATE INDEX targets_drifted ON targets.targets (node_id) WHERE drift IS NOT NULL;

      ALTER TABLE targets.storage_nodes
        ADD instance uuid,
        ADD lease_until timestamptz NOT NULL DEFAULT '-infinity',
        ADD cordoned boolean NOT NULL DEFAULT false;

      CREATE TABLE targets.image_copies (
        image_id uuid NOT NULL REFERENCES targets.images (id),
        node_id text NOT NULL REFERENCES targets.storage_nodes (id),
        PRIMARY KEY (image_id, node_id)
      );
      INSERT INTO targets.image_copies SELECT id, node_id FROM targets.images;

      -- A stream that was made anew has lost what was published to the one before.
      CREATE TABLE targets.streams_filled (name text PRIMARY KEY, made_at text NOT NULL);
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP TABLE targets.streams_filled;
      DROP TABLE targets.image_copies;
      ALTER TABLE targets.storage_nodes DROP instance, DROP lease_until, DROP cordoned;
      ALTER TABLE targets.targets DROP confirmed, DROP drift;
    `);
  }
}

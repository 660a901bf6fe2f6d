import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Deleted machines, images, users and sessions keep their rows, so that foreign keys of old targets hold; names are unique
 * among the others only.
 */
export class Initial1764000000000 implements MigrationInterface {
  name = 'Initial1764000000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE targets.storage_nodes (
        id text PRIMARY KEY,
        name text NOT NULL,
        status text NOT NULL CHECK (status IN ('online', 'offline', 'wedged')),
        version integer NOT NULL,
        portal_address text NOT NULL,
        portal_port integer NOT NULL,
        last_seen_at timestamptz NOT NULL,
        report jsonb NOT NULL
      );

      CREATE TABLE targets.machines (
        id uuid PRIMARY KEY,
        name text NOT NULL,
        mac_address text NOT NULL,
        initiator_iqn text NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        deleted_at timestamptz
      );
      CREATE UNIQUE INDEX machines_name ON targets.machines (name) WHERE deleted_at IS NULL;
      CREATE UNIQUE INDEX machines_mac_address ON targets.machines (mac_address) WHERE deleted_at IS NULL;
      CREATE UNIQUE INDEX machines_initiator_iqn ON targets.machines (initiator_iqn) WHERE deleted_at IS NULL;

      CREATE TABLE targets.images (
        id uuid PRIMARY KEY,
        name text NOT NULL,
        file text NOT NULL,
        size_bytes bigint NOT NULL CHECK (size_bytes >= 512),
        read_only boolean NOT NULL,
        node_id text NOT NULL REFERENCES targets.storage_nodes (id),
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        deleted_at timestamptz
      );
      CREATE UNIQUE INDEX images_name ON targets.images (name) WHERE deleted_at IS NULL;
      CREATE UNIQUE INDEX images_file ON targets.images (node_id, file) WHERE deleted_at IS NULL;

      CREATE TABLE targets.users (
        id uuid PRIMARY KEY,
        username text NOT NULL,
        password_hash text NOT NULL,
        role text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin', 'auditor')),
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        deleted_at timestamptz
      );
      CREATE UNIQUE INDEX users_username ON targets.users (lower(username)) WHERE deleted_at IS NULL;

      CREATE TABLE targets.boot_sessions (
        id uuid PRIMARY KEY,
        machine_id uuid NOT NULL REFERENCES targets.machines (id),
        user_id uuid REFERENCES targets.users (id),
        started_at timestamptz NOT NULL,
        ended_at timestamptz,
        deleted_at timestamptz,
        CHECK (ended_at >= started_at)
      );
      CREATE INDEX boot_sessions_machine ON targets.boot_sessions (machine_id, id DESC);
      CREATE INDEX boot_sessions_user ON targets.boot_sessions (user_id, id DESC);

      CREATE TABLE targets.targets (
        id uuid PRIMARY KEY,
        iqn text NOT NULL UNIQUE,
        status text NOT NULL CHECK (status IN ('PENDING', 'ACTIVE', 'INACTIVE', 'ERROR')),
        operation text CHECK (operation IN ('create', 'delete', 'restart', 'repair')),
        generation integer NOT NULL CHECK (generation > 0),
        version integer NOT NULL CHECK (version >= 0),
        machine_id uuid NOT NULL REFERENCES targets.machines (id),
        image_id uuid NOT NULL REFERENCES targets.images (id),
        session_id uuid REFERENCES targets.boot_sessions (id),
        node_id text NOT NULL REFERENCES targets.storage_nodes (id),
        initiator_iqn text NOT NULL,
        portal_address text NOT NULL,
        portal_port integer NOT NULL,
        lun integer NOT NULL,
        read_only boolean NOT NULL,
        disk_id uuid NOT NULL,
        image_file text NOT NULL,
        size_bytes bigint NOT NULL,
        created_by text NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        deleted_at timestamptz,
        last_error jsonb,
        disconnected integer,
        if_idle boolean NOT NULL DEFAULT false,
        operation_by text NOT NULL,
        operation_request_id text NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        next_attempt_at timestamptz,
        CHECK ((operation IS NULL) = (next_attempt_at IS NULL)),
        CHECK ((status = 'PENDING') = (operation IS NOT NULL)),
        CHECK ((status = 'INACTIVE') = (deleted_at IS NOT NULL))
      );
      -- The rules that no code may break: one live target per machine, one writable export per image.
      CREATE UNIQUE INDEX targets_live_machine ON targets.targets (machine_id)
        WHERE status IN ('PENDING', 'ACTIVE') OR operation IS NOT NULL;
      CREATE UNIQUE INDEX targets_live_writable_image ON targets.targets (image_id)
        WHERE (status IN ('PENDING', 'ACTIVE') OR operation IS NOT NULL) AND NOT read_only;
      CREATE INDEX targets_listed ON targets.targets (id DESC) WHERE deleted_at IS NULL;
      CREATE INDEX targets_status ON targets.targets (status, id DESC);
      CREATE INDEX targets_node ON targets.targets (node_id, id DESC);
      CREATE INDEX targets_machine ON targets.targets (machine_id, id DESC);
      CREATE INDEX targets_image ON targets.targets (image_id, id DESC);
      CREATE INDEX targets_session ON targets.targets (session_id) WHERE session_id IS NOT NULL;
      CREATE INDEX targets_due ON targets.targets (next_attempt_at) WHERE operation IS NOT NULL;

      -- Order of ids is not order of commit: a reader stays below the oldest running transaction (column xid).
      CREATE TABLE targets.outbox (
        position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        message_id uuid NOT NULL UNIQUE,
        subject text NOT NULL,
        request_id text NOT NULL,
        body jsonb NOT NULL,
        xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
        created_at timestamptz NOT NULL DEFAULT now(),
        published_at timestamptz
      );
      CREATE INDEX outbox_unpublished ON targets.outbox (position) WHERE published_at IS NULL;
      CREATE INDEX outbox_published_at ON targets.outbox (published_at) WHERE published_at IS NOT NULL;
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP TABLE targets.outbox;
      DROP TABLE targets.targets;
      DROP TABLE targets.boot_sessions;
      DROP TABLE targets.users;
      DROP TABLE targets.images;
      DROP TABLE targets.machines;
      DROP TABLE targets.storage_nodes;
    `);
  }
}

-- The roles and schemas of Spindle's database: who owns the tables, and what the services may do with them. Run by a superuser in that
-- database; running it again changes nothing. It sets no passwords: whoever runs it does (ALTER ROLE … PASSWORD …), for each of the four.
-- A new database cloned from this one (CREATE DATABASE … TEMPLATE …) has the same rights.

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['targets_owner', 'targets_app', 'audit_owner', 'audit_app'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
      EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION', name);
    END IF;
  END LOOP;
END $$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;

CREATE SCHEMA IF NOT EXISTS targets AUTHORIZATION targets_owner;
GRANT USAGE ON SCHEMA targets TO targets_app;
ALTER DEFAULT PRIVILEGES FOR ROLE targets_owner IN SCHEMA targets GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO targets_app;
ALTER DEFAULT PRIVILEGES FOR ROLE targets_owner IN SCHEMA targets GRANT USAGE ON SEQUENCES TO targets_app;
ALTER ROLE targets_owner SET search_path = targets;
ALTER ROLE targets_app SET search_path = targets;

-- The audit trail can be added to and read. Nobody who serves requests can change or remove an entry.
CREATE SCHEMA IF NOT EXISTS audit AUTHORIZATION audit_owner;
GRANT USAGE ON SCHEMA audit TO audit_app;
ALTER DEFAULT PRIVILEGES FOR ROLE audit_owner IN SCHEMA audit GRANT SELECT, INSERT ON TABLES TO audit_app;
ALTER DEFAULT PRIVILEGES FOR ROLE audit_owner IN SCHEMA audit GRANT USAGE ON SEQUENCES TO audit_app;
ALTER ROLE audit_owner SET search_path = audit;
ALTER ROLE audit_app SET search_path = audit;

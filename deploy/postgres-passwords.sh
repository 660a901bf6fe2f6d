#!/bin/sh
# Second step of a new database in the official image, after postgres-init.sql: gives the four roles their passwords. psql quotes them.
set -eu
for role in targets_owner targets_app audit_owner audit_app; do
  variable=$(echo "${role}_PASSWORD" | tr '[:lower:]' '[:upper:]')
  eval "password=\${$variable:?}"
  echo 'ALTER ROLE :"role" PASSWORD :'"'password'" |
    psql --no-psqlrc -v ON_ERROR_STOP=1 -v role="$role" -v password="$password" -U "$POSTGRES_USER" -d "$POSTGRES_DB"
done

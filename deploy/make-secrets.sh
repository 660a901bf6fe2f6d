#!/bin/sh
# Makes what docker-compose.yml needs and nobody should choose: passwords in .env; in secrets/ the key pair that signs access tokens, the key that signs
# the audit trail, the one that encrypts CHAP secrets, the first admin's password, keys for NATS (bus/) and nats.conf. Keeps whatever is there
# already. Run it once, in the folder of docker-compose.yml, after npm ci.
set -eu
umask 077
cd "$(dirname "$0")/.."

word() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

touch .env
for name in POSTGRES_PASSWORD TARGETS_OWNER_PASSWORD TARGETS_APP_PASSWORD AUDIT_OWNER_PASSWORD AUDIT_APP_PASSWORD; do
  grep -q "^$name=" .env || echo "$name=$(word)" >>.env
done

mkdir -p secrets
if [ ! -e secrets/token-key.pem ]; then
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out secrets/token-key.pem
  openssl pkey -in secrets/token-key.pem -pubout -out secrets/token-key.pub.pem
fi
[ -e secrets/audit-key.pem ] || openssl genpkey -algorithm ED25519 -out secrets/audit-key.pem
[ -e secrets/secrets-keys ] || echo "first:$(openssl rand -base64 32)" >secrets/secrets-keys
[ -e secrets/admin-password ] || word >secrets/admin-password

npm run --silent bus -- --node node-1 --client orchestrator

# The services run as another user than you: compose hands each its files alone, and on this host the folder keeps others out.
chmod 0700 secrets secrets/bus
find secrets -type f -exec chmod 0444 {} +
echo "Passwords are in .env, the admin's first one in secrets/admin-password. Keep both out of version control and in your backup."

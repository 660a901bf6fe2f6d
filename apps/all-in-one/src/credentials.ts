import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openBusFolder, type BusFolder } from '#embedded';

export interface Credentials {
  adminPassword: string;
  adminPasswordFile: string;
  /** Everybody's keys and passwords on NATS. */
  bus: BusFolder;
  /** Of an orchestrator. */
  natsUser: string;
  natsPassword: string;
  privateKeyFile: string;
  publicKeyFile: string;
  auditKeyFile: string;
  secretsKeyFile: string;
}

const ORCHESTRATOR = 'orchestrator';

/** Made at random at the first start and kept in files that only we can read: there are no default secrets. */
export const keepCredentials = (dataDir: string, nodes: string[] = []): Credentials => {
  const folder = join(dataDir, 'secrets');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const bus = openBusFolder(join(folder, 'bus'), { nodes, clients: [ORCHESTRATOR] });
  const privateKeyFile = join(folder, 'token-key.pem');
  const publicKeyFile = join(folder, 'token-key.pub.pem');
  if (!existsSync(publicKeyFile)) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeFileSync(privateKeyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    writeFileSync(publicKeyFile, publicKey.export({ type: 'spki', format: 'pem' }), { mode: 0o600 });
  }
  const auditKeyFile = join(folder, 'audit-key.pem');
  if (!existsSync(auditKeyFile)) {
    const { privateKey } = generateKeyPairSync('ed25519');
    writeFileSync(auditKeyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  }
  const secretsKeyFile = join(folder, 'secrets-keys');
  if (!existsSync(secretsKeyFile)) writeFileSync(secretsKeyFile, `first:${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  const adminPasswordFile = join(folder, 'admin-password');
  return {
    adminPassword: keepText(adminPasswordFile),
    adminPasswordFile,
    bus,
    natsUser: ORCHESTRATOR,
    natsPassword: bus.password(ORCHESTRATOR),
    privateKeyFile,
    publicKeyFile,
    auditKeyFile,
    secretsKeyFile,
  };
};

const keepText = (file: string): string => {
  if (!existsSync(file)) writeFileSync(file, randomBytes(18).toString('base64url'), { mode: 0o600 });
  return readFileSync(file, 'utf8');
};

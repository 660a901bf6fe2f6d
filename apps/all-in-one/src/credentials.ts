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
  const adminPasswordFile = join(folder, 'admin-password');
  return {
    adminPassword: keepText(adminPasswordFile),
    adminPasswordFile,
    bus,
    natsUser: ORCHESTRATOR,
    natsPassword: bus.password(ORCHESTRATOR),
    privateKeyFile,
    publicKeyFile,
  };
};

const keepText = (file: string): string => {
  if (!existsSync(file)) writeFileSync(file, randomBytes(18).toString('base64url'), { mode: 0o600 });
  return readFileSync(file, 'utf8');
};

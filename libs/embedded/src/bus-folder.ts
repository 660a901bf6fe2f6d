import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nkeys } from 'nats';
import { ADMIN_USER, nodeUser, planBus, type BusMembers, type BusPlan } from '#contracts';
import type { BusLogin } from './nats-configuration';
import { writePrivately } from './private-file';

/** Services and nodes prove who they are with a key, clients with a password, which every client library knows. */
export interface BusFolder {
  members: BusMembers;
  plan: BusPlan;
  logins: Record<string, BusLogin>;
  /** @throws Error for a user that has no key */
  seedFile: (user: string) => string;
  password: (client: string) => string;
}

interface KeyPair {
  getSeed: () => Uint8Array;
  getPublicKey: () => string;
}
/** The client's package hands its nkeys on without their types. */
const { createUser, fromSeed } = nkeys as { createUser: () => KeyPair; fromSeed: (seed: Uint8Array) => KeyPair };

const KEYED = ['targets', 'audit', 'gateway', ADMIN_USER];
const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
/** Names of users that are not clients. */
const isTaken = (name: string): boolean => KEYED.includes(name) || name.startsWith('node-');

/**
 * The seeds and passwords of everybody on the bus, each in a file of its own that only we can read; `members.json` lists the nodes
 * and clients. Makes what is missing and keeps what is there, so to rotate one is to remove its file and open the folder again.
 * @param change nodes and clients to add to those that are listed, and users to take off
 */
export const openBusFolder = (folder: string, change: Partial<BusMembers> & { remove?: string[] } = {}): BusFolder => {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const members = keepMembers(join(folder, 'members.json'), change);
  const seedFileOf = (user: string): string => join(folder, `${user}.seed`);
  const passwordFileOf = (client: string): string => join(folder, `${client}.password`);
  const logins: Record<string, BusLogin> = {};
  for (const user of [...KEYED, ...members.nodes.map(nodeUser)]) {
    const seed = keepFile(seedFileOf(user), () => Buffer.from(createUser().getSeed()).toString());
    logins[user] = { nkey: fromSeed(Buffer.from(seed)).getPublicKey() };
  }
  for (const client of members.clients)
    logins[client] = { password: keepFile(passwordFileOf(client), () => randomBytes(18).toString('base64url')) };
  return {
    members,
    plan: planBus(members),
    logins,
    seedFile: (user) => {
      if (!logins[user] || !('nkey' in logins[user])) throw new Error(`${user} has no key`);
      return seedFileOf(user);
    },
    password: (client) => readFileSync(passwordFileOf(client), 'utf8').trim(),
  };
};

const keepMembers = (file: string, { nodes = [], clients = [], remove = [] }: Partial<BusMembers> & { remove?: string[] }): BusMembers => {
  const listed = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as BusMembers) : { nodes: [], clients: [] };
  const members = {
    nodes: [...new Set([...listed.nodes, ...nodes])].filter((id) => !remove.includes(nodeUser(id))),
    clients: [...new Set([...listed.clients, ...clients])].filter((name) => !remove.includes(name)),
  };
  const wrong = [...members.nodes, ...members.clients].filter((name) => !NAME.test(name)).concat(members.clients.filter(isTaken));
  if (wrong.length > 0) throw new Error(`not a name for a node or client: ${wrong.join(', ')}`);
  writePrivately(file, `${JSON.stringify(members, null, 2)}\n`);
  return members;
};

const keepFile = (file: string, make: () => string): string => {
  if (!existsSync(file)) writePrivately(file, `${make()}\n`);
  return readFileSync(file, 'utf8').trim();
};

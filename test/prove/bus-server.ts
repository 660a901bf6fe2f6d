import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, Events, nkeyAuthenticator, type NatsConnection } from 'nats';
import type { BusPlan } from '#contracts';
import { openBusFolder, startNats } from '#embedded';

export const NODES = ['n1', 'n2'];
export const CLIENTS = ['c1', 'c2'];

/** What the server refused to a connection, as `say SUBJECT` or `hear SUBJECT`. */
export interface Identity {
  name: string;
  account: string;
  nats: NatsConnection;
  refused: Set<string>;
}

/** Consumers deliver from a loop of their own, which no flush waits for. */
const JETSTREAM_MS = 4;

const spyOf = (account: string): string => `spy of ${account}`;

/** In each account somebody who hears all of it: so a message is seen wherever it gets to. */
const withSpies = (plan: BusPlan): BusPlan => ({
  ...plan,
  accounts: plan.accounts.map((account) => ({
    ...account,
    users: [...account.users, { name: spyOf(account.name), publish: [], subscribe: ['>'] }],
  })),
});

/** A server with the rights that the product gives it, everybody connected, and a spy in each account. */
export const startBusOfProof = async () => {
  const folder = mkdtempSync(join(tmpdir(), 'spindle-bus-'));
  const bus = openBusFolder(join(folder, 'keys'), { nodes: NODES, clients: CLIENTS });
  const plan = withSpies(bus.plan);
  const spies = Object.fromEntries(plan.accounts.map(({ name }) => [spyOf(name), { password: 'of-this-proof-only' }]));
  const server = await startNats({
    dataDir: join(folder, 'nats'),
    who: { plan, logins: { ...bus.logins, ...spies } },
    log: () => undefined,
  });
  const open: NatsConnection[] = [];
  const login = async (name: string): Promise<NatsConnection> => {
    const password = name.startsWith('spy') ? 'of-this-proof-only' : CLIENTS.includes(name) ? bus.password(name) : undefined;
    const proof =
      password === undefined
        ? { authenticator: nkeyAuthenticator(Buffer.from(readFileSync(bus.seedFile(name), 'utf8').trim())) }
        : { user: name, pass: password };
    const inboxPrefix = CLIENTS.includes(name) ? '_INBOX' : `_INBOX_${name.replaceAll(' ', '-')}`;
    const nats = await connect({ servers: server.url, ...proof, inboxPrefix, timeout: 10_000 });
    open.push(nats);
    return nats;
  };
  const identities: Identity[] = [];
  const heard: { account: string; subject: string }[] = [];
  for (const { name: account, users } of bus.plan.accounts) {
    for (const { name } of users) identities.push(listenForRefusals(name, account, await login(name)));
    (await login(spyOf(account))).subscribe('>', { callback: (_, { subject }) => void heard.push({ account, subject }) });
  }
  return {
    server,
    identities,
    /** What the spies have heard, account by account. */
    heard,
    of: (name: string): Identity => identities.find((one) => one.name === name)!,
    /** Until the server has done all that was sent before, and the spies have heard of it. */
    settle: async (): Promise<void> => {
      for (let round = 0; round < 2; round++) {
        await Promise.all(open.map((nats) => nats.flush()));
        await sleep(JETSTREAM_MS);
      }
    },
    stop: async () => {
      await Promise.all(open.map((nats) => nats.close()));
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

export type BusOfProof = Awaited<ReturnType<typeof startBusOfProof>>;

const listenForRefusals = (name: string, account: string, nats: NatsConnection): Identity => {
  const refused = new Set<string>();
  void (async () => {
    for await (const { type, permissionContext } of nats.status())
      if (type === Events.Error && permissionContext)
        refused.add(`${permissionContext.operation === 'publish' ? 'say' : 'hear'} ${permissionContext.subject}`);
  })();
  return { name, account, nats, refused };
};

import type { BusCrossing, BusPlan, BusUser } from '#contracts';

/** How a user proves who it is. The server knows of an nkey the public half alone. */
export type BusLogin = { nkey: string } | { password: string };

export interface NatsTls {
  certFile: string;
  keyFile: string;
  /** Clients must show a certificate of this authority, too. */
  caFile?: string;
}

export interface NatsConfiguration {
  serverName: string;
  listen: string;
  /** Address of the server's own statistics. */
  monitoring?: string;
  storeDir: string;
  /** On disk before it is acknowledged. Servers before 2.10 know no such setting and flush every two minutes. */
  syncAlways: boolean;
  tls?: NatsTls;
  /** Everybody who may connect, or one user who may everything, for a server of a test. */
  who: { plan: BusPlan; logins: Record<string, BusLogin> } | { user: string; password: string };
}

const quoted = JSON.stringify;
const list = (subjects: string[]): string => `[${[...new Set(subjects)].map((one) => quoted(one)).join(', ')}]`;

/** The text of nats.conf. */
export const natsConfiguration = ({ serverName, listen, monitoring, storeDir, syncAlways, tls, who }: NatsConfiguration): string => {
  const lines = [
    `server_name: ${quoted(serverName)}`,
    `listen: ${quoted(listen)}`,
    ...(monitoring === undefined ? [] : [`http: ${quoted(monitoring)}`]),
    'max_payload: 1MB',
    `jetstream: { store_dir: ${quoted(storeDir)}${syncAlways ? ', sync_interval: always' : ''} }`,
    ...(tls ? [tlsBlock(tls)] : []),
    ...('plan' in who
      ? ['authorization { timeout: 5 }', ...accountBlocks(who.plan, who.logins)]
      : [`authorization: { user: ${quoted(who.user)}, password: ${quoted(who.password)} }`]),
  ];
  return `${lines.join('\n')}\n`;
};

const tlsBlock = ({ certFile, keyFile, caFile }: NatsTls): string =>
  `tls { cert_file: ${quoted(certFile)}, key_file: ${quoted(keyFile)}${caFile ? `, ca_file: ${quoted(caFile)}, verify: true` : ''} }`;

const accountBlocks = ({ accounts, crossings }: BusPlan, logins: Record<string, BusLogin>): string[] => [
  'accounts {',
  ...accounts.flatMap(({ name, jetstream, users }) => [
    `  ${quoted(name)} {`,
    ...(jetstream ? ['    jetstream: enabled'] : []),
    ...block(
      'users',
      users.map((user) => userLine(user, logins[user.name])),
    ),
    ...block('exports', exportLines(crossings.filter(({ owner }) => owner === name))),
    ...block('imports', crossings.filter(({ to }) => to === name).map(importLine)),
    '  }',
  ]),
  '}',
];

const block = (name: string, lines: string[]): string[] =>
  lines.length === 0 ? [] : [`    ${name}: [`, ...lines.map((line) => `      ${line}`), '    ]'];

const userLine = ({ name, publish, subscribe }: BusUser, login: BusLogin | undefined): string => {
  if (!login) throw new Error(`${name} has neither a key nor a password`);
  const proof = 'nkey' in login ? `nkey: ${quoted(login.nkey)}` : `user: ${quoted(name)}, password: ${quoted(login.password)}`;
  return `{ ${proof}, permissions: { publish: ${list(publish)}, subscribe: ${list(subscribe)} } }`;
};

/** One export serves all accounts that it names; with a single answer the server forgets a request as soon as it is answered. */
const exportLines = (crossings: BusCrossing[]): string[] => {
  const bySubject = new Map<string, BusCrossing[]>();
  for (const one of crossings) bySubject.set(`${one.kind} ${one.subject}`, [...(bySubject.get(`${one.kind} ${one.subject}`) ?? []), one]);
  return [...bySubject.values()].map((same) => {
    const { kind, subject } = same[0]!;
    const many = same.some((one) => one.many) ? ', response_type: stream' : '';
    return `{ ${kind}: ${quoted(subject)}, accounts: ${list(same.map(({ to }) => to))}${many} }`;
  });
};

const importLine = ({ kind, owner, subject, as }: BusCrossing): string =>
  `{ ${kind}: { account: ${quoted(owner)}, subject: ${quoted(subject)} }${as ? `, to: ${quoted(as)}` : ''} }`;

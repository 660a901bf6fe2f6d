import { z } from 'zod';
import { REQUESTS, exampleOf, type RequestContract } from '#contracts';

const ID = '01997b1e-5b1c-7d3a-9c0e-2f4b6a8d0c11';
const NODE = 'node-1';

/** What each field takes, so that a lie made from it is the only thing wrong; a field that has no line here cannot be tried. */
const VALID: Record<string, unknown> = {
  id: ID,
  machine_id: ID,
  image_id: ID,
  session_id: ID,
  user_id: ID,
  target_id: ID,
  node_id: NODE,
  name: 'a-name',
  username: 'admin',
  password: 'correct horse battery',
  role: 'viewer',
  mac_address: '52:54:00:12:34:56',
  initiator_iqn: 'iqn.2025-01.io.spindle:m-525400123456',
  iqn: `iqn.2025-01.io.spindle:${ID}`,
  file: 'debian-12.img',
  secret: 'abcdefghijkl',
  mutual_secret: 'mnopqrstuvwx',
  mutual: true,
  read_only: true,
  if_idle: false,
  cordoned: true,
  open: true,
  include_deleted: false,
  limit: 10,
  cursor: 'WzEsIng',
  status: 'ACTIVE',
  outcome: 'denied',
  actor: 'admin',
  action: 'targets.create',
  correlation_id: ID,
  started_at: '2026-01-15T08:29:58.000Z',
  ended_at: '2026-01-15T08:29:58.000Z',
  expires_at: '2027-01-15T08:29:58.000Z',
  seq: 1,
  size: 2,
  after: 0,
  plan: 'a-plan',
};
const OF_REQUEST: Record<string, Record<string, unknown>> = {
  'nodes.update': { id: NODE },
  'nodes.adopt': { id: NODE },
  'nodes.plan': { id: NODE },
  'nodes.accept-plan': { id: NODE },
  'audit.search': { from: VALID['started_at'], to: VALID['ended_at'] },
  'audit.export': { from: VALID['started_at'], to: VALID['ended_at'] },
  'audit.consistency': { from: 1, to: 2 },
};

/** Refused for the value of a field. */
const FIELD_CODES = [
  'INVALID_ID',
  'INVALID_NAME',
  'INVALID_IQN',
  'INVALID_MAC_ADDRESS',
  'INVALID_IMAGE_FILE',
  'INVALID_PASSWORD',
  'INVALID_CHAP_SECRET',
  'INVALID_CURSOR',
  'INVALID_VALUE',
  'WRONG_TYPE',
];
/** Whose text is free: a password is only ever hashed, what a login names is looked up, a plan is compared. Refused for something else. */
const FREE: Record<string, string> = {
  'users.create password': 'USERNAME_TAKEN',
  'users.update password': 'USER_NOT_FOUND',
  'nodes.accept-plan plan': 'NODE_NOT_FOUND',
  'auth.login username': 'LOGIN_FAILED',
  'auth.login password': 'LOGIN_FAILED',
};

export interface Field {
  contract: RequestContract;
  path: string[];
  valid: unknown;
  /** A whole input that is accepted, with this field in it; it names nothing that is there but the user `admin`. */
  base: Record<string, unknown>;
  refusals: string[];
}

/** Every field of every request of the contract. @throws Error for one that has no valid value here: it must be tried too */
export const everyField = (adminPassword: string): Field[] =>
  (REQUESTS as readonly RequestContract[]).flatMap((contract) =>
    leavesOf(contract.input).map((path) => {
      const name = path.at(-1)!;
      const valid = OF_REQUEST[contract.subject]?.[name] ?? VALID[name];
      const login = contract.subject === 'auth.login' ? { username: 'admin', password: adminPassword } : {};
      const user = contract.subject === 'users.create' ? { username: 'admin' } : {};
      const base = withValue({ ...exampleOf(contract.subject).input, ...user }, path, valid);
      const whole = { ...(name === 'mutual_secret' ? withValue(base, ['chap', 'mutual'], true) : base), ...login };
      if (valid === undefined || !contract.input.safeParse(whole).success)
        throw new Error(`${contract.subject} takes ${path.join('.')}, and the proof has no value for it that is accepted`);
      const free = FREE[`${contract.subject} ${name}`];
      const own = 'password' in login && name === 'password' ? adminPassword : valid;
      return { contract, path, valid: own, base: whole, refusals: [...FIELD_CODES, ...(free ? [free] : [])] };
    }),
  );

const leavesOf = (schema: z.ZodType, path: string[] = []): string[][] => {
  const inner = innermost(schema);
  return inner instanceof z.ZodObject
    ? Object.entries(inner.shape as Record<string, z.ZodType>).flatMap(([name, field]) => leavesOf(field, [...path, name]))
    : [path];
};

const innermost = (field: z.ZodType): z.ZodType =>
  field instanceof z.ZodOptional || field instanceof z.ZodDefault || field instanceof z.ZodNullable
    ? innermost(field.unwrap() as z.ZodType)
    : field;

export const withValue = (body: Record<string, unknown>, [name, ...rest]: string[], value: unknown): Record<string, unknown> => ({
  ...body,
  [name!]: rest.length === 0 ? value : withValue((body[name!] ?? {}) as Record<string, unknown>, rest, value),
});

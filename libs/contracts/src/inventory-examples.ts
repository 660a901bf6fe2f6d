import type { AuditEntry } from './audit';
import type { ErrorCode } from './error-codes';
import type { ImageResponse } from './images';
import type { MachineResponse } from './machines';
import type { NodePlanResponse } from './node-plan';
import type { NodeResponse } from './nodes';
import type { SessionResponse } from './sessions';
import type { TokenResponse } from './tokens';
import type { UserResponse } from './users';

export interface Example {
  /** As on NATS: path, query and body in one. */
  input: Record<string, unknown>;
  output: unknown;
  /** The answer while the operation still runs. */
  running?: unknown;
  /** A refusal that belongs to it. */
  refusal: ErrorCode;
}

export const EXAMPLE_IDS = {
  target: '01997b1e-5b1c-7d3a-9c0e-2f4b6a8d0c11',
  machine: '01997b1d-0a4e-7b52-8f3d-6c1e9a7b5d21',
  image: '01997b1d-4c7f-7e19-a2b4-8d5f3e1c7a92',
  session: '01997b1e-1f2d-7a63-b5c8-0e9d7f6a4b33',
  user: '01997b1c-7d3e-7f40-8a1b-5c9e2d7f6b44',
  token: '01997b1c-9a5b-7c21-9d3e-1f4a6b8c0d55',
} as const;

export const EXAMPLE_INITIATOR = 'iqn.2025-01.io.spindle:m-525400123456';

const stamps = { created_at: '2026-01-15T08:00:00.000Z', updated_at: '2026-01-15T08:00:00.000Z' };
const onePage = (item: unknown) => ({ items: [item], next_cursor: null, total: 1 });

const machine: MachineResponse = {
  id: EXAMPLE_IDS.machine,
  name: 'lab-pc-01',
  mac_address: '52:54:00:12:34:56',
  initiator_iqn: EXAMPLE_INITIATOR,
  ...stamps,
};

const image: ImageResponse = {
  id: EXAMPLE_IDS.image,
  name: 'debian-12',
  file: 'debian-12.img',
  size_bytes: 8_589_934_592,
  read_only: true,
  ...stamps,
};

const session: SessionResponse = {
  id: EXAMPLE_IDS.session,
  machine_id: EXAMPLE_IDS.machine,
  user_id: EXAMPLE_IDS.user,
  started_at: '2026-01-15T08:29:58.000Z',
  ended_at: null,
};

const user: UserResponse = { id: EXAMPLE_IDS.user, username: 'ann', role: 'operator', ...stamps };

const token: TokenResponse = {
  id: EXAMPLE_IDS.token,
  name: 'lesson-planner',
  user_id: EXAMPLE_IDS.user,
  username: 'ann',
  role: 'operator',
  created_at: '2026-01-15T08:00:00.000Z',
  expires_at: '2026-07-15T08:00:00.000Z',
  last_used_at: null,
};

const node: NodeResponse = {
  id: 'node-1',
  name: 'node-1',
  status: 'online',
  portal: { address: '192.0.2.10', port: 3260 },
  last_seen_at: '2026-01-15T08:30:58.000Z',
  targets: 1,
  versions: { kernel: '6.1.0', targetcli: '2.1.53', executor: '0.1.0' },
  message: null,
  foreign: [],
  adoptable: [],
  checks: [{ name: 'image-root', ok: true, detail: 'The image folder is there.', fix: null }],
  saved_config: { state: 'saved', at: '2026-01-15T08:30:02.000Z', message: null },
  cordoned: false,
  held: false,
};

const refusal: AuditEntry = {
  id: '01997b1e-6a2b-7c91-9e4d-8f0a1b3c5d66',
  seq: 42,
  time: '2026-01-15T08:30:10.000Z',
  actor: 'ann',
  source: 'http:192.0.2.77',
  action: 'targets.create',
  resource: { type: 'target', id: null },
  outcome: 'denied',
  code: 'MACHINE_HAS_TARGET',
  request_id: '01997b1e-6a2a-7b80-8d3c-7e9f0a2b4c77',
  before: null,
  after: { machine_id: EXAMPLE_IDS.machine, image_id: EXAMPLE_IDS.image },
};

const plan: NodePlanResponse = {
  node_id: node.id,
  held: true,
  planned_at: '2026-01-15T08:31:00.000Z',
  plan: 'O2y8sJ6vB1Qd3Xn0',
  counts: { create: 0, change: 0, delete: 0, leave: 1, raise: 1 },
  targets: [
    {
      target_id: EXAMPLE_IDS.target,
      iqn: `iqn.2025-01.io.spindle:${EXAMPLE_IDS.target}`,
      status: 'ACTIVE',
      operation: null,
      action: 'leave',
      generation: 1,
      raise_to: 4,
      steps: [],
      drift: [],
      disconnects: 0,
      obstacle: null,
    },
  ],
  omitted: 0,
  adoptable: [{ iqn: 'iqn.2025-01.io.spindle:01997b1f-5b1c-7d3a-9c0e-2f4b6a8d0c12', sessions: 1 }],
  foreign: 0,
};

const HASH = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';

export const INVENTORY_EXAMPLES = {
  'machines.create': { input: { name: 'lab-pc-01', mac_address: '52:54:00:12:34:56' }, output: machine, refusal: 'MAC_ADDRESS_TAKEN' },
  'machines.list': { input: { limit: 50 }, output: onePage(machine), refusal: 'INVALID_CURSOR' },
  'machines.get': { input: { id: machine.id }, output: machine, refusal: 'MACHINE_NOT_FOUND' },
  'machines.update': { input: { id: machine.id, name: 'lab-pc-01' }, output: machine, refusal: 'MACHINE_NAME_TAKEN' },
  'machines.delete': { input: { id: machine.id }, output: machine, refusal: 'MACHINE_IN_USE' },
  'images.create': { input: { name: 'debian-12', file: 'debian-12.img', read_only: true }, output: image, refusal: 'IMAGE_FILE_MISSING' },
  'images.list': { input: { limit: 50 }, output: onePage(image), refusal: 'INVALID_CURSOR' },
  'images.get': { input: { id: image.id }, output: image, refusal: 'IMAGE_NOT_FOUND' },
  'images.update': { input: { id: image.id, name: 'debian-12' }, output: image, refusal: 'IMAGE_NAME_TAKEN' },
  'images.delete': { input: { id: image.id }, output: image, refusal: 'IMAGE_IN_USE' },
  'sessions.create': { input: { machine_id: machine.id, user_id: user.id }, output: session, refusal: 'USER_NOT_FOUND' },
  'sessions.list': { input: { open: true }, output: onePage(session), refusal: 'INVALID_CURSOR' },
  'sessions.get': { input: { id: session.id }, output: session, refusal: 'SESSION_NOT_FOUND' },
  'sessions.update': {
    input: { id: session.id, ended_at: '2026-01-15T09:30:00.000Z' },
    output: { ...session, ended_at: '2026-01-15T09:30:00.000Z' },
    refusal: 'SESSION_ENDED',
  },
  'sessions.delete': { input: { id: session.id }, output: session, refusal: 'SESSION_IN_USE' },
  'users.create': {
    input: { username: 'ann', password: 'correct horse battery', role: 'operator' },
    output: user,
    refusal: 'USERNAME_TAKEN',
  },
  'users.list': { input: { limit: 50 }, output: onePage(user), refusal: 'INVALID_CURSOR' },
  'users.get': { input: { id: user.id }, output: user, refusal: 'USER_NOT_FOUND' },
  'users.update': { input: { id: user.id, role: 'operator' }, output: user, refusal: 'LAST_ADMIN' },
  'users.delete': { input: { id: user.id }, output: user, refusal: 'USER_IN_USE' },
  'tokens.create': {
    input: { name: token.name, role: 'operator', expires_at: token.expires_at },
    // the pieces apart, so that scanners for leaked tokens do not stop at this example
    output: { ...token, token: ['spt', EXAMPLE_IDS.token.replaceAll('-', ''), 'A'.repeat(43)].join('_') },
    refusal: 'TOKEN_NAME_TAKEN',
  },
  'tokens.list': { input: { limit: 50 }, output: onePage(token), refusal: 'INVALID_CURSOR' },
  'tokens.revoke': { input: { id: token.id }, output: token, refusal: 'TOKEN_NOT_FOUND' },
  'nodes.list': { input: {}, output: onePage(node), refusal: 'INVALID_CURSOR' },
  'nodes.update': { input: { id: node.id, cordoned: true }, output: { ...node, cordoned: true }, refusal: 'NODE_NOT_FOUND' },
  'nodes.plan': { input: { id: node.id }, output: plan, refusal: 'NODE_OFFLINE' },
  'nodes.accept-plan': { input: { id: node.id, plan: plan.plan }, output: { ...plan, held: false }, refusal: 'PLAN_CHANGED' },
  'audit.search': { input: { actor: 'ann', outcome: 'denied' }, output: onePage(refusal), refusal: 'INVALID_CURSOR' },
  'audit.checkpoint': {
    input: {},
    output: {
      size: 42,
      note: 'spindle.example/audit\n42\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— spindle.example/audit SIGNATURE\n',
      verifier_key: 'spindle.example/audit+0a1b2c3d+KEY',
    },
    refusal: 'NO_CHECKPOINT',
  },
  'audit.inclusion': {
    input: { seq: 1, size: 2 },
    output: { seq: 1, size: 2, leaf: HASH, root: HASH, proof: [HASH] },
    refusal: 'ENTRY_NOT_FOUND',
  },
  'audit.consistency': {
    input: { from: 1, to: 2 },
    output: { from: 1, to: 2, from_root: HASH, to_root: HASH, proof: [HASH] },
    refusal: 'ENTRY_NOT_FOUND',
  },
  'audit.export': {
    input: { size: 42, after: 0 },
    output: {
      size: 42,
      lines: ['{"export":{"version":1,"origin":"spindle.example/audit","size":42,"filters":{},"before":null}}'],
      next: 41,
    },
    refusal: 'NO_CHECKPOINT',
  },
} as const satisfies Record<string, Example>;

import type { z } from 'zod';
import type { AnyEvent } from './events';
import { eventType } from './events';
import { EXAMPLE_IDS, EXAMPLE_INITIATOR, INVENTORY_EXAMPLES, type Example } from './inventory-examples';
import type { Action } from './requests';
import type { TargetCreateRequest, TargetResponse, TargetStatusResponse } from './targets';
import type { LoginResponse } from './users';

const { target, machine, image, session } = EXAMPLE_IDS;
const iqn = `iqn.2025-01.io.spindle:${target}`;

const active: TargetResponse = {
  id: target,
  iqn,
  status: 'ACTIVE',
  operation: null,
  generation: 1,
  machine_id: machine,
  image_id: image,
  session_id: session,
  node_id: 'node-1',
  initiator_iqn: EXAMPLE_INITIATOR,
  portal: { address: '192.0.2.10', port: 3260 },
  lun: 0,
  read_only: true,
  chap: 'none',
  created_by: 'ann',
  created_at: '2026-01-15T08:30:00.000Z',
  updated_at: '2026-01-15T08:30:00.042Z',
  deleted_at: null,
  last_error: null,
};

const pending: TargetResponse = { ...active, status: 'PENDING', operation: 'create', updated_at: active.created_at };

const deleted: TargetResponse = {
  ...active,
  status: 'INACTIVE',
  generation: 2,
  updated_at: '2026-01-15T09:30:00.000Z',
  deleted_at: '2026-01-15T09:30:00.000Z',
  disconnected: 1,
};

const status: TargetStatusResponse = {
  target_id: target,
  status: 'ACTIVE',
  observed_at: '2026-01-15T08:31:00.000Z',
  node_id: 'node-1',
  enabled: true,
  portals: [{ address: '192.0.2.10', port: 3260 }],
  luns: [{ lun: 0, backstore: `spindle-${image}` }],
  acls: [{ initiator_iqn: EXAMPLE_INITIATOR, luns: [{ lun: 0, read_only: true }] }],
  sessions: [{ initiator_iqn: EXAMPLE_INITIATOR, address: '192.0.2.55', state: 'LOGGED_IN' }],
  drift: [],
};

const create: z.input<typeof TargetCreateRequest> = { machine_id: machine, image_id: image, session_id: session };
const login: z.output<typeof LoginResponse> = { access_token: 'TOKEN', token_type: 'Bearer', expires_in: 900 };

/** One exchange of each request, as it goes over the wire. */
export const EXAMPLES = {
  'auth.login': { input: { username: 'ann', password: 'correct horse battery' }, output: login, refusal: 'LOGIN_FAILED' },
  'targets.create': { input: create, output: active, running: pending, refusal: 'MACHINE_HAS_TARGET' },
  'targets.list': {
    input: { limit: 50, status: 'ACTIVE' },
    output: { items: [active], next_cursor: null, total: 1 },
    refusal: 'INVALID_CURSOR',
  },
  'targets.get': { input: { id: target }, output: active, refusal: 'TARGET_NOT_FOUND' },
  'targets.get-by-machine': { input: { machine_id: machine }, output: active, refusal: 'TARGET_NOT_FOUND' },
  'targets.status': { input: { id: target }, output: status, refusal: 'NODE_OFFLINE' },
  'targets.delete': {
    input: { id: target },
    output: deleted,
    running: { ...active, status: 'PENDING', operation: 'delete', generation: 2 },
    refusal: 'TARGET_IN_USE',
  },
  'targets.restart': {
    input: { id: target, if_idle: true },
    output: { ...active, generation: 2, disconnected: 0 },
    running: { ...active, status: 'PENDING', operation: 'restart', generation: 2 },
    refusal: 'OPERATION_IN_PROGRESS',
  },
  'targets.rotate-chap': {
    input: { id: target, chap: { mutual: true } },
    output: {
      ...active,
      generation: 2,
      chap: 'mutual',
      chap_credentials: { username: EXAMPLE_INITIATOR, secret: 'SECRET', mutual_username: iqn, mutual_secret: 'OTHER_SECRET' },
    },
    running: { ...active, status: 'PENDING', operation: 'repair', generation: 2, chap: 'mutual' },
    refusal: 'OPERATION_IN_PROGRESS',
  },
  'nodes.adopt': {
    input: { id: 'node-1', iqn },
    output: { ...active, session_id: null },
    running: { ...pending, session_id: null },
    refusal: 'NOT_ADOPTABLE',
  },
  ...INVENTORY_EXAMPLES,
} as const satisfies Record<Action, Example>;

export const exampleOf = (subject: string): Example => {
  const example = (EXAMPLES as Partial<Record<string, Example>>)[subject];
  if (!example) throw new Error(`there is no example of ${subject}`);
  return example;
};

export const EXAMPLE_EVENT: AnyEvent = {
  specversion: '1.0',
  id: '01997b1e-5b46-7c08-9d1f-3a5c7e9b1d44',
  source: '/spindle/targets-service',
  type: eventType('target.created'),
  subject: target,
  time: active.updated_at,
  datacontenttype: 'application/json',
  sequence: 2,
  correlationid: '01997b1e-5b1b-7f90-8e2a-4b6d8f0a2c55',
  actor: 'ann',
  data: { ...active },
};

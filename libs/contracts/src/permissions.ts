import type { Action } from './requests';
import type { Role } from './users';

const everyone = ['viewer', 'operator', 'admin', 'auditor'] as const;
const operators = ['operator', 'admin'] as const;
const admins = ['admin'] as const;
const auditors = ['auditor', 'admin'] as const;

/**
 * Who may do what. A request without a line here does not compile. `events.stream` is the live event stream, which has no
 * request of its own.
 */
export const PERMISSIONS: Record<Action | 'events.stream', readonly Role[] | 'public'> = {
  'auth.login': 'public',
  'targets.create': operators,
  'targets.list': everyone,
  'targets.get': everyone,
  'targets.get-by-machine': everyone,
  'targets.status': everyone,
  'targets.delete': operators,
  'targets.restart': operators,
  'targets.rotate-chap': operators,
  'machines.create': operators,
  'machines.list': everyone,
  'machines.get': everyone,
  'machines.update': operators,
  'machines.delete': operators,
  'images.create': operators,
  'images.list': everyone,
  'images.get': everyone,
  'images.update': operators,
  'images.delete': operators,
  'sessions.create': operators,
  'sessions.list': everyone,
  'sessions.get': everyone,
  'sessions.update': operators,
  'sessions.delete': operators,
  'users.create': admins,
  'users.list': admins,
  'users.get': admins,
  'users.update': admins,
  'users.delete': admins,
  'nodes.list': everyone,
  'nodes.update': admins,
  'nodes.adopt': admins,
  'audit.search': auditors,
  'audit.checkpoint': auditors,
  'audit.inclusion': auditors,
  'audit.consistency': auditors,
  'audit.export': auditors,
  'events.stream': everyone,
};

export const mayDo = (role: Role, action: keyof typeof PERMISSIONS): boolean => {
  const allowed = PERMISSIONS[action];
  return allowed === 'public' || allowed.includes(role);
};

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
  'auth.exchange': everyone,
  'tokens.create': everyone,
  'tokens.list': everyone,
  'tokens.revoke': everyone,
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
  'nodes.plan': everyone,
  'nodes.accept-plan': admins,
  'audit.search': auditors,
  'audit.checkpoint': auditors,
  'audit.inclusion': auditors,
  'audit.consistency': auditors,
  'audit.export': auditors,
  'events.stream': everyone,
};

/** How somebody proved who they are: by a password a while ago, or by an API token. */
export type Proof = 'login' | 'api-token';

/**
 * What takes one kind of proof alone. A stolen API token must not make others that outlive it, and a login must not be renewed
 * without its password.
 */
export const ONLY_WITH: Partial<Record<Action, Proof>> = { 'tokens.create': 'login', 'auth.exchange': 'api-token' };

export const mayDo = (role: Role, action: keyof typeof PERMISSIONS, proof?: Proof): boolean => {
  const allowed = PERMISSIONS[action];
  if (allowed === 'public') return true;
  const only = action === 'events.stream' ? undefined : ONLY_WITH[action];
  return allowed.includes(role) && (only === undefined || proof === undefined || proof === only);
};

/**
 * What both roles may do: an API token's own role and that of its user. Operator and auditor may each do what the other may not, and
 * share what a viewer may.
 */
export const lowerRole = (one: Role, other: Role): Role => {
  if (one === other || other === 'admin') return one;
  return one === 'admin' ? other : 'viewer';
};

interface TokenHolder {
  userId: string;
  role: Role;
  /** The API token that they came with. */
  tokenId?: string;
}

/** Whose tokens somebody sees; undefined is everybody's. */
export const tokensSeenBy = ({ userId, role }: TokenHolder): string | undefined => (role === 'admin' ? undefined : userId);

/** An admin revokes any token, others their own. Whoever came with a token that is no admin's may end that one alone. */
export const mayRevoke = (holder: TokenHolder, token: { id: string; user_id: string }): boolean =>
  holder.role === 'admin' || (holder.userId === token.user_id && (holder.tokenId ?? token.id) === token.id);
